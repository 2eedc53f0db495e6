import XCTest

@testable import Adaptation

final class WarmUpScheduleTests: XCTestCase {
  func testRisesToOne() throws {
    assertValues(try schedule("warm_up", ["steps": 4, "start_factor": 0]), [0, 0.25, 0.5, 0.75, 1, 1])
    assertValues(try schedule("warm_up", ["steps": 2]), [1.0 / 3, 2.0 / 3, 1, 1])
  }

  func testRejects() {
    assertFails(
      "warm_up", ["steps": 4, "start_factor": 1],
      "warm-up: start_factor must be at least 0 and below 1, got 1.0")
  }
}
