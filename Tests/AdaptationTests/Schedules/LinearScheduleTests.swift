import XCTest

@testable import Adaptation

final class LinearScheduleTests: XCTestCase {
  func testIsAStraightLineThatEnds() throws {
    assertValues(
      try schedule("linear", ["initial": 1, "final": -1, "steps": 4]), [1, 0.5, 0, -0.5, -1, -1, -1])
    assertValues(try schedule("linear", ["initial": 1, "final": 0, "steps": 1]), [1, 0, 0])
  }

  func testRejects() {
    assertFails(
      "linear", ["initial": 1, "final": 0, "steps": 1e300],
      "linear schedule: steps must be a whole number at least 1 and at most 2147483647, got 1e+300")
  }
}
