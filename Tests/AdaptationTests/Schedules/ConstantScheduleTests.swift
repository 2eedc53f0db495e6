import XCTest

@testable import Adaptation

final class ConstantScheduleTests: XCTestCase {
  func testIsTheSameAtEveryStep() throws {
    assertValues(try schedule("constant", ["rate": -0.25]), [-0.25, -0.25, -0.25])
  }

  func testNeedsARate() {
    assertFails("constant", [:], "constant schedule needs the argument 'rate'")
    assertFails("constant", ["rate": .infinity], "constant schedule: rate must be finite, got inf")
  }
}
