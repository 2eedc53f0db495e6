import XCTest

@testable import Adaptation

final class PiecewiseScheduleTests: XCTestCase {
  func testSpreadsItsValues() throws {
    let learned = try schedule("piecewise", lists: ["values": [0.5, -0.25, 1]], ["steps": 6])
    assertValues(learned, [0.5, 0.5, -0.25, -0.25, 1, 1, 1, 1])
  }

  /// floor(3 t / 7): 0 0 0 1 1 2 2.
  func testStepsNeedNotDivide() throws {
    assertValues(
      try schedule("piecewise", lists: ["values": [1, 2, 3]], ["steps": 7]), [1, 1, 1, 2, 2, 3, 3, 3])
  }

  func testMoreValuesThanStepsSkipsSome() throws {
    assertValues(try schedule("piecewise", lists: ["values": [1, 2, 3]], ["steps": 2]), [1, 2, 3, 3])
  }

  func testNoStepIsOutside() throws {
    let learned = try schedule("piecewise", lists: ["values": [1, 2]], ["steps": 2_147_483_647])
    for (step, value) in [
      (-1, 1.0), (-2_147_483_647, 1), (1_073_741_823, 1), (1_073_741_824, 2), (2_147_483_647, 2),
    ] {
      XCTAssertEqual(learned.value(step), value, "step \(step)")
    }
  }

  func testRejects() {
    assertFails(
      "piecewise", lists: ["values": [1, .nan]], ["steps": 2],
      "piecewise schedule: values[1] must be finite, got nan")
  }
}
