import XCTest

@testable import Adaptation

final class TrapezoidScheduleTests: XCTestCase {
  func testRisesStaysAndFalls() throws {
    let shape = try schedule("trapezoid", ["rate": 2, "steps": 8, "warmup": 2, "decay": 4])
    assertValues(shape, [1, 2, 2, 2, 2, 1.5, 1, 0.5, 0, 0])
  }

  func testWithoutSlopesItIsAConstantThatEnds() throws {
    assertValues(try schedule("trapezoid", ["rate": -0.5, "steps": 3]), [-0.5, -0.5, -0.5, 0])
  }

  /// Slopes that meet cut off the level part.
  func testSlopesMayMeet() throws {
    let shape = try schedule("trapezoid", ["rate": 1, "steps": 4, "warmup": 4, "decay": 4])
    assertValues(shape, [0.25, 0.5, 0.5, 0.25, 0])
  }
}
