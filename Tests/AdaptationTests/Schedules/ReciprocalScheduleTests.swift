import XCTest

@testable import Adaptation

final class ReciprocalScheduleTests: XCTestCase {
  func testValues() throws {
    assertValues(try schedule("reciprocal", ["initial": 6, "decay": 0.5]), [6, 4, 3, 2.4, 2])
    assertValues(try schedule("reciprocal", ["initial": 6, "decay": 0]), [6, 6])
  }

  func testRejects() {
    assertFails(
      "reciprocal", ["initial": 1, "decay": -0.5], "reciprocal schedule: decay must be at least 0, got -0.5")
  }
}
