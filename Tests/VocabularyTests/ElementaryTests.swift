import XCTest

@testable import Vocabulary

final class ElementaryTests: XCTestCase {
  func testPowers() {
    XCTAssertEqual(power(2, 10), 1024)
    XCTAssertEqual(power(2, -3), 0.125)
    XCTAssertEqual(power(0.9, 0.5), 0.9.squareRoot(), accuracy: 1e-16)
    XCTAssertEqual(power(0, 0), 1)
    XCTAssertTrue(power(-2, 0.5).isNaN)
  }

  func testExponentialsAndLogarithms() {
    let e = 2.718281828459045
    XCTAssertEqual(exponential(0), 1)
    XCTAssertEqual(exponential(1), e, accuracy: 1e-15)
    XCTAssertEqual(exponential(-.infinity), 0)
    XCTAssertEqual(logarithm(1), 0)
    XCTAssertEqual(logarithm(e), 1, accuracy: 1e-15)
    XCTAssertEqual(logarithm(0), -.infinity)
  }
}
