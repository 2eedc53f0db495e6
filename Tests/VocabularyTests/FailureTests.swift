import XCTest

@testable import Vocabulary

final class FailureTests: XCTestCase {
  func testAFailureIsItsMessage() {
    let failures = [Failure.value("v"), .shape("s"), .type("t"), Failure(.recording, "r")]
    XCTAssertEqual(failures.map(\.kind), [.value, .shape, .type, .recording])
    XCTAssertEqual(failures.map { "\($0)" }, ["v", "s", "t", "r"])
    XCTAssertEqual(failures.map(\.message), failures.map(\.description))
    XCTAssertEqual(failures.map(\.step), [nil, nil, nil, nil])
  }

  func testADivergedRunNamesItsStep() {
    let failure = Failure.diverged("d", step: 7)
    XCTAssertEqual(failure.kind, .diverged)
    XCTAssertEqual(failure.step, 7)
  }

  /// 0 is success across the ABI.
  func testStatusCodes() {
    XCTAssertEqual((1...8).map { Failure.Kind(rawValue: $0) != nil }, [Bool](repeating: true, count: 8))
    XCTAssertNil(Failure.Kind(rawValue: 0))
    XCTAssertNil(Failure.Kind(rawValue: 9))
  }

  func testNumbersInMessages() {
    XCTAssertEqual(
      [Double.nan, -Double.nan, -.infinity, 0.5].map { describe($0) }, ["nan", "nan", "-inf", "0.5"])
  }
}
