import XCTest

@testable import Adaptation

final class ExponentialScheduleTests: XCTestCase {
  /// Closed form against the recurrence that defines it.
  func testMultipliesEveryStep() throws {
    let decay = try schedule("exponential", ["initial": 0.3, "gamma": 0.97])
    var expected = 0.3
    for t in 0..<200 {
      XCTAssertEqual(decay.value(t), expected, accuracy: 1e-15)
      expected *= 0.97
    }
    assertValues(try schedule("exponential", ["initial": 3, "gamma": 0]), [3, 0, 0])
    assertValues(try schedule("exponential", ["initial": -1, "gamma": 2]), [-1, -2, -4, -8])
  }
}
