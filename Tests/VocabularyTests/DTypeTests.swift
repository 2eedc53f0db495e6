import XCTest

@testable import Vocabulary

final class DTypeTests: XCTestCase {
  func testSizesAreThoseOfTheElements() {
    XCTAssertEqual(DType.float32.byteCount, MemoryLayout<Float>.stride)
    XCTAssertEqual(DType.float64.byteCount, MemoryLayout<Double>.stride)
    XCTAssertEqual(DType.int64.byteCount, MemoryLayout<Int64>.stride)
    XCTAssertEqual(DType.uint8.byteCount, MemoryLayout<UInt8>.stride)
    XCTAssertEqual(DType.bool.byteCount, MemoryLayout<Bool>.stride)
  }

  func testNamesGoBothWays() {
    for dtype in DType.allCases { XCTAssertEqual(DType(name: dtype.name), dtype) }
    XCTAssertEqual(Set(DType.allCases.map(\.name)).count, DType.allCases.count)
    XCTAssertNil(DType(name: "float16"))
    XCTAssertNil(DType(name: ""))
  }

  func testTheNumbersOfTheABI() {
    XCTAssertEqual(DType.allCases.map(\.rawValue), [0, 1, 2, 3, 4])
    XCTAssertNil(DType(rawValue: 5))
    XCTAssertNil(DType(rawValue: -1))
  }

  func testFloatingTypes() {
    XCTAssertEqual(DType.allCases.filter(\.isFloating), [.float32, .float64])
  }
}
