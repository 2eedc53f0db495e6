import XCTest

@testable import Adaptation

final class OneCycleScheduleTests: XCTestCase {
  /// Ten steps: the top at 0.3 * 10 - 1 = 2, the end at 9.
  func testRisesAndFalls() throws {
    let cycle = try schedule("one_cycle", ["max": 0.1, "steps": 10])
    assertValues(cycle, [0.004, 0.052, 0.1])
    let lowest = 0.004 / 1e4
    XCTAssertEqual(cycle.value(9), lowest, accuracy: 1e-17)
    XCTAssertEqual(cycle.value(1000), lowest, accuracy: 1e-17)
    // Top at 2, end at 8: steps 4 and 6 are at 60 and 120 degrees.
    let thirds = try schedule("one_cycle", ["max": 0.1, "steps": 9, "warm_fraction": 1.0 / 3])
    XCTAssertEqual(thirds.value(4), lowest + (0.1 - lowest) * 0.75, accuracy: 1e-15)
    XCTAssertEqual(thirds.value(6), lowest + (0.1 - lowest) * 0.25, accuracy: 1e-15)
  }

  func testTheTopMayLieBetweenSteps() throws {
    let cycle = try schedule("one_cycle", ["max": 1, "steps": 5, "div": 2, "final_div": 5])
    // Top at 0.5, end at 4: step 1 is 1/7 of the way down to 0.1.
    let down = 0.1 + 0.45 * (1 + cos(Double.pi / 7))
    assertValues(cycle, [0.5, down])
    XCTAssertEqual(cycle.value(4), 0.1, accuracy: 1e-16)
  }

  func testShortCyclesAndNoWarmUpAreFinite() throws {
    assertValues(try schedule("one_cycle", ["max": 1, "steps": 2, "warm_fraction": 0.5]), [1, 4e-6])
    for steps in 1...8 {
      for warm in [0, 0.1, 0.5, 0.99] {
        let cycle = try schedule("one_cycle", ["max": 1, "steps": Double(steps), "warm_fraction": warm])
        for t in 0..<10 { XCTAssertTrue((0...1).contains(cycle.value(t)), "\(steps), \(warm), \(t)") }
      }
    }
  }

  func testRejects() {
    assertFails(
      "one_cycle", ["max": 1, "steps": 10, "warm_fraction": 1],
      "one-cycle schedule: warm_fraction must be at least 0 and below 1, got 1.0")
    assertFails(
      "one_cycle", ["max": 1, "steps": 10, "div": 0], "one-cycle schedule: div must be above 0, got 0.0")
  }
}
