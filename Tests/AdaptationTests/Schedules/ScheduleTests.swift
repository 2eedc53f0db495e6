import XCTest

@testable import Adaptation

final class ScheduleTests: XCTestCase {
  func testOverflowIsNamed() throws {
    let growth = try schedule("exponential", ["initial": 1, "gamma": 10])
    XCTAssertEqual(try growth.finiteValue(3), 1000)
    XCTAssertThrowsError(try growth.finiteValue(400)) {
      XCTAssertEqual("\($0)", "schedule: the value at step 400 must be finite, got inf")
    }
  }

  func testHalfACosineIsLevelAtItsEnds() {
    XCTAssertEqual(cosineBetween(3, -1, fraction: 0), 3)
    XCTAssertEqual(cosineBetween(3, -1, fraction: 0.5), 1, accuracy: 1e-15)
    XCTAssertEqual(cosineBetween(3, -1, fraction: 1), -1)
    XCTAssertEqual(cosineBetween(3, -1, fraction: 1e-4), 3, accuracy: 1e-7)
  }
}
