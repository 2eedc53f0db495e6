import Vocabulary
import XCTest

@testable import Kernels

final class CastTests: XCTestCase {
  private func write(_ values: [Double], _ dtype: DType) -> Storage {
    let storage = try! Storage(byteCount: values.count * dtype.byteCount)
    for (i, v) in values.enumerated() {
      let at = i * dtype.byteCount
      switch dtype {
      case .float32: storage.pointer.storeBytes(of: Float(v), toByteOffset: at, as: Float.self)
      case .float64: storage.pointer.storeBytes(of: v, toByteOffset: at, as: Double.self)
      case .int64: storage.pointer.storeBytes(of: Int64(v), toByteOffset: at, as: Int64.self)
      case .uint8, .bool: storage.pointer.storeBytes(of: UInt8(v), toByteOffset: at, as: UInt8.self)
      }
    }
    return storage
  }

  private func read(_ storage: Storage, _ dtype: DType, _ count: Int) -> [Double] {
    (0..<count).map { i in
      let at = i * dtype.byteCount
      switch dtype {
      case .float32: return Double(storage.pointer.load(fromByteOffset: at, as: Float.self))
      case .float64: return storage.pointer.load(fromByteOffset: at, as: Double.self)
      case .int64: return Double(storage.pointer.load(fromByteOffset: at, as: Int64.self))
      case .uint8, .bool: return Double(storage.pointer.load(fromByteOffset: at, as: UInt8.self))
      }
    }
  }

  private func cast(_ values: [Double], _ from: DType, _ to: DType) -> [Double] {
    let out = try! Storage(zeroed: values.count * to.byteCount)
    let source = write(values, from)
    return withExtendedLifetime((source, out)) {
      castElements(from, source.pointer, to, out.pointer, values.count)
      return read(out, to, values.count)
    }
  }

  func testEveryPair() {
    for from in DType.allCases {
      let values: [Double] =
        switch from {
        case .float32, .float64: [0, -0.0, 1, 2.75, 200.5, 0.25]
        case .int64: [0, 1, 7, 255, 100]
        case .uint8: [0, 1, 7, 255]
        case .bool: [0, 1]
        }
      for to in DType.allCases {
        let wanted = values.map { v -> Double in
          switch to {
          case .float32, .float64: v
          case .int64, .uint8: v.rounded(.towardZero)
          case .bool: v == 0 ? 0 : 1
          }
        }
        XCTAssertEqual(cast(values, from, to), wanted, "\(from) to \(to)")
      }
    }
  }

  func testTowardsZeroWithSaturation() {
    let values = [-1.75, 1.75, -300, 300, 255.99, .nan, .infinity, -.infinity, 1e30]
    for from in [DType.float32, .float64] {
      XCTAssertEqual(cast(values, from, .uint8), [0, 1, 0, 255, 255, 0, 255, 0, 255])
      XCTAssertEqual(Array(cast(values, from, .int64).prefix(6)), [-1, 1, -300, 300, 255, 0])
      XCTAssertEqual(cast(values, from, .bool), [1, 1, 1, 1, 1, 1, 1, 1, 1])
    }
    XCTAssertEqual(cast([-1, 256, 511], .int64, .bool), [1, 1, 1])
    XCTAssertEqual(cast([1e300, -1e300], .float64, .float32), [.infinity, -.infinity])
    XCTAssertTrue(cast([.nan], .float64, .float32)[0].isNaN)
    XCTAssertTrue(cast([.nan], .float32, .float64)[0].isNaN)
  }

  private func integers(_ values: [Double]) -> [Int64] {
    let out = try! Storage(zeroed: values.count * 8)
    let source = write(values, .float64)
    return withExtendedLifetime((source, out)) {
      castElements(.float64, source.pointer, .int64, out.pointer, values.count)
      return (0..<values.count).map { out.pointer.load(fromByteOffset: 8 * $0, as: Int64.self) }
    }
  }

  func testSaturationAtTheEndsOfInt64IsExact() {
    XCTAssertEqual(integers([.infinity, 1e30, -.infinity, -1e30]), [.max, .max, .min, .min])
    // The largest double below 2^63, and -2^63 itself, are whole numbers that fit.
    let largest = 9_223_372_036_854_774_784.0
    XCTAssertEqual(integers([largest, -largest, -0x1p63]), [Int64(largest), -Int64(largest), .min])
  }

  func testRelations() {
    let (a, b): ([Double], [Double]) = ([1, 2, 3, .nan, .nan, 0], [2, 2, 2, 1, .nan, -0.0])
    let relations: [(String, (Double, Double) -> Bool)] = [
      ("eq", ==), ("ne", !=), ("lt", <), ("le", <=), ("gt", >), ("ge", >=),
    ]
    for (name, relation) in relations {
      var out = [UInt8](repeating: 9, count: a.count)
      compareElements(name, .float64, a, Array(a.indices), b, Array(b.indices), &out)
      XCTAssertEqual(out, zip(a, b).map { relation($0, $1) ? 1 : 0 }, name)
    }
  }
}
