import XCTest

@testable import Adaptation

final class StepScheduleTests: XCTestCase {
  func testDropsAtMultiplesOfTheStepSize() throws {
    let halving = try schedule("step", ["initial": 8, "step_size": 3, "gamma": 0.5])
    assertValues(halving, [8, 8, 8, 4, 4, 4, 2, 2, 2, 1])
    XCTAssertEqual(try schedule("step", ["initial": 1, "step_size": 30]).value(89), 0.01, accuracy: 1e-16)
  }

  func testRejects() {
    assertFails(
      "step", ["initial": 1, "step_size": 2.5],
      "step schedule: step_size must be a whole number at least 1 and at most 2147483647, got 2.5")
    assertFails(
      "step", ["initial": 1, "step_size": 1, "gamma": -1], "step schedule: gamma must be at least 0, got -1.0"
    )
  }
}
