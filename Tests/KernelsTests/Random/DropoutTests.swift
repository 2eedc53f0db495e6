import CVector
import TestSupport
import XCTest

@testable import Kernels

final class DropoutTests: XCTestCase {
  /// A dropout of ones.
  private func mask<T: Scalar>(_: T.Type, _ p: Double, _ n: Int, stream: UInt64 = 3) -> [Double] {
    let out = Buffer<T>(count: n)
    let ones = Buffer<T>(count: n, filledWith: 1)
    try! Dropout(n, p).draw(T.self, Philox(seed: 42, stream: stream), ones.pointer, out.pointer)
    return out.values
  }

  private func checkApplication<T: Scalar>(_: T.Type, _ n: Int) {
    var numbers = Numbers(seed: 4)
    let (x, old, mask) = (numbers.array(n), numbers.array(n), mask(T.self, 0.3, n))
    let dropout = try! Dropout(n, 0.3)
    let drawn = Buffer<T>(count: n)
    // What is left out may be anything.
    let dirty = zip(x, mask).map { $1 == 0 ? ($0 > 0 ? .nan : .infinity) : $0 }
    dropout.draw(T.self, Philox(seed: 42, stream: 3), Buffer<T>(dirty).pointer, drawn.pointer)
    let wanted = zip(x, mask).map { $0 * $1 }
    expectClose(T.self, drawn.values, wanted, units: 2)
    for accumulate in [false, true] {
      let out = accumulate ? Buffer<T>(old) : Buffer<T>(count: n)
      dropout.apply(T.self, Buffer<T>(dirty).pointer, out.pointer, accumulate)
      expectClose(T.self, out.values, accumulate ? zip(old, wanted).map(+) : wanted, units: 2)
    }
  }

  func testAppliedAsItWasDrawn() {
    for n in tailCounts + [63, 64, 65, 3 * blockLength + 5] {
      for type in scalarTypes { checkApplication(type, n) }
    }
  }

  /// The bits of every instruction set.
  func testBitsOfAllKernels() {
    let generator = Philox(seed: 42, stream: 3)
    for kernel in drawKernels {
      var bits = [UInt32](repeating: 0, count: 9)
      bits.withUnsafeMutableBufferPointer {
        var draw = cv_draw(
          bits: $0.baseAddress!, first: 5, count: 9, stream: 3, k0: 42, k1: 0, threshold: 1 << 31)
        kernel(&draw)
      }
      for i in 0..<(32 * 9) {
        let word = generator.words(UInt64(40 + i / 4))[i % 4]
        XCTAssertEqual(bits[i / 32] >> UInt32(i % 32) & 1 == 1, word >= 1 << 31)
      }
    }
  }

  /// The share of zeros lies within four standard deviations of p, and the rest is 1 / (1 - p).
  func testStatistics() {
    let n = 20_000
    for p in [0.05, 0.3, 0.5, 0.9] {
      for type in scalarTypes {
        let values = mask(type, p, n)
        let zeros = values.filter { $0 == 0 }.count
        let deviation = (Double(n) * p * (1 - p)).squareRoot()
        XCTAssertEqual(Double(zeros), Double(n) * p, accuracy: 4 * deviation, "p \(p)")
        for value in values where value != 0 { XCTAssertEqual(value, 1 / (1 - p), accuracy: 1e-6 / (1 - p)) }
      }
    }
    XCTAssertEqual(mask(Float.self, 0, 100), [Double](repeating: 1, count: 100))
  }

  /// Neighbors, and the same places in the next stream, are independent.
  func testUncorrelated() {
    let n = 20_000
    let here = mask(Float.self, 0.5, n).map { $0 == 0 ? -1.0 : 1 }
    let next = mask(Float.self, 0.5, n, stream: 4).map { $0 == 0 ? -1.0 : 1 }
    let four = 4 * Double(n).squareRoot()
    for lag in 1...5 { XCTAssertLessThan(abs(dot(Array(here.dropFirst(lag)), here)), four, "lag \(lag)") }
    XCTAssertLessThan(abs(dot(here, next)), four)
  }

  /// Masks are drawn many counters at a time; the words one by one.
  func testDrawsTheWordsInOrder() {
    let generator = Philox(seed: 42, stream: 3)
    for n in [0, 5, 31, 32, 33, 67, 1000] {
      for type in scalarTypes {
        let wanted = (0..<n).map { generator.words(UInt64($0 / 4))[$0 % 4] < 1 << 30 ? 0.0 : 1 }
        XCTAssertEqual(mask(type, 0.25, n).map { $0 == 0 ? 0 : 1 }, wanted)
      }
    }
  }

  /// An element's number does not depend on how many there are, on the type, or on the threads.
  func testCountedPerElement() {
    let long = mask(Float.self, 0.4, 64)
    for n in 0...20 { XCTAssertEqual(mask(Float.self, 0.4, n), Array(long.prefix(n))) }
    let zeros = mask(Double.self, 0.4, 64).map { $0 == 0 }
    XCTAssertEqual(zeros, long.map { $0 == 0 })
    sameBitsForAnyThreads { mask(Float.self, 0.4, 8 * blockLength + 3) }
  }
}
