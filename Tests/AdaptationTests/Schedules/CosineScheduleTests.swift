import XCTest

@testable import Adaptation

final class CosineScheduleTests: XCTestCase {
  private let root = 0.7071067811865476  // of 1/2

  func testFallsAndStays() throws {
    let falling = try schedule("cosine", ["initial": 3, "final": 1, "steps": 4])
    assertValues(falling, [3, 2 + root, 2, 2 - root, 1, 1, 1])
  }

  /// PyTorch does not evaluate the closed form: each value follows from the one before.
  func testAgreesWithTheRecurrence() throws {
    let (steps, last) = (50, 0.01)
    let falling = try schedule("cosine", ["initial": 0.4, "final": last, "steps": Double(steps)])
    for t in 1...steps {
      let (now, before) = (Double.pi * Double(t) / 50, Double.pi * Double(t - 1) / 50)
      let ratio = (1 + cos(now)) / (1 + cos(before))
      XCTAssertEqual(falling.value(t), last + (falling.value(t - 1) - last) * ratio, accuracy: 1e-14)
    }
  }

  func testRestarts() throws {
    let equal = try schedule("cosine", ["initial": 2, "steps": 2, "cycle_mult": 1])
    assertValues(equal, [2, 1, 2, 1, 2, 1])
    let growing = try schedule("cosine", ["initial": 2, "steps": 2, "cycle_mult": 2])
    assertValues(growing, [2, 1, 2, 1 + root, 1, 1 - root, 2])
    // Cycles begin at 2 (2^k - 1).
    for start in [14, 30, 62, 126] { XCTAssertEqual(growing.value(start), 2) }
    XCTAssertEqual(growing.value(125), 1 + cos(Double.pi * 63 / 64), accuracy: 1e-15)
    let huge = try schedule("cosine", ["initial": 2, "steps": 2_147_483_647, "cycle_mult": 2_147_483_647])
    XCTAssertEqual(huge.value(2_147_483_647), 2)
  }

  func testRejects() {
    assertFails(
      "cosine", ["initial": 2, "steps": 2, "cycle_mult": 1.5],
      "cosine schedule: cycle_mult must be a whole number at least 0 and at most 2147483647, got 1.5")
  }
}
