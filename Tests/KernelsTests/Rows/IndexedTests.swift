import TestSupport
import XCTest

@testable import Kernels

final class IndexedTests: XCTestCase {
  private func checkRows<T: Scalar>(_: T.Type, _ width: Int, accumulate: Bool) {
    var numbers = Numbers(seed: UInt64(width + 1))
    let index: [Int32] = [4, 0, 4, 2, 4, 1]
    let (x, y) = (numbers.array(5 * width), numbers.array(index.count * width))
    let out = accumulate ? Buffer<T>(y) : Buffer<T>(count: y.count)
    gatherRows(T.self, Buffer<T>(x).pointer, index, out.pointer, index.count, width, accumulate)
    var gathered = accumulate ? y : [Double](repeating: 0, count: y.count)
    var scattered = x
    for (j, row) in index.enumerated() {
      for i in 0..<width {
        gathered[j * width + i] += x[Int(row) * width + i]
        scattered[Int(row) * width + i] += y[j * width + i]
      }
    }
    expectClose(T.self, out.values, gathered)
    let back = Buffer<T>(x)
    scatterRows(T.self, Buffer<T>(y).pointer, index, back.pointer, index.count, width)
    expectClose(T.self, back.values, scattered)
  }

  private func checkClearedAndWatched<T: Scalar>(_: T.Type) {
    let index: [Int32] = [3, 0, 3]
    let x = Buffer<T>([Double](repeating: 2, count: 5 * 17))
    for (bad, place, finite) in [
      (1.0, 51, true), (.infinity, 51, false), (.nan, 67, false), (.nan, 17, true),
    ] {
      x.elements[place] = T(bad)
      let watch = FiniteWatch()
      watchRows(T.self, watch, x.pointer, index, 3, 17)
      XCTAssertEqual(watch.isFinite, finite, "\(bad) at \(place)")
      x.elements[place] = 2
    }
    clearRows(T.self, x.pointer, index, 3, 17)
    XCTAssertEqual(x.values, (0..<85).map { [0, 3].contains($0 / 17) ? 0 : 2 })
  }

  func testRowsAreClearedAndWatchedByIndex() { for type in scalarTypes { checkClearedAndWatched(type) } }

  /// Parts of the rows that meet only among themselves.
  func testPartsAreAddedBackApart() {
    var numbers = Numbers(seed: 4)
    let index = (0..<40).map { Int32($0 / 10 * 3 + numbers.integer(below: 3)) }
    let (x, y) = (numbers.array(12), numbers.array(40))
    var wanted = x
    for (j, row) in index.enumerated() { wanted[Int(row)] += y[j] }
    let got = sameBitsForAnyThreads {
      let out = Buffer<Float>(x)
      scatterRows(Float.self, Buffer<Float>(y).pointer, index, out.pointer, 40, 1, parts: 4)
      return out.values
    }
    expectClose(Float.self, got, wanted)
  }

  func testRowsByIndexAndBack() {
    for width in [0, 1, 2, 17] {
      for accumulate in [false, true] {
        for type in scalarTypes { checkRows(type, width, accumulate: accumulate) }
      }
    }
  }

  private func extremes<T: Scalar>(
    _: T.Type, _ x: [Double], _ outer: Int, _ n: Int, _ inner: Int, _ sign: Double
  ) -> [Int] {
    var indices = [Int32](repeating: -1, count: outer * inner)
    extremeIndices(T.self, Buffer<T>(x).pointer, outer, n, inner, sign, &indices)
    return indices.map(Int.init)
  }

  func testExtremesAlongTheMiddleAxis() {
    var numbers = Numbers(seed: 20)
    for (outer, n, inner) in [(1, 1, 1), (3, 4, 1), (2, 5, 3), (0, 3, 2), (4, 1, 2)] {
      // Few distinct values, so that ties occur.
      let x = (0..<(outer * n * inner)).map { _ in Double(numbers.integer(below: 4)) - 2 }
      for sign in [1.0, -1] {
        var wanted: [Int] = []
        for o in 0..<outer {
          for i in 0..<inner {
            let places = (0..<n).map { (o * n + $0) * inner + i }
            let best = places.map { sign * x[$0] }.max()!
            wanted.append(places.first { sign * x[$0] == best }!)
          }
        }
        for type in scalarTypes { XCTAssertEqual(extremes(type, x, outer, n, inner, sign), wanted) }
      }
    }
  }

  func testNaNIsMostExtreme() {
    for sign in [1.0, -1] {
      XCTAssertEqual(extremes(Float.self, [1, .nan, .infinity, .nan], 1, 4, 1, sign), [1])
      XCTAssertEqual(extremes(Double.self, [.nan, 5, 7], 1, 3, 1, sign), [0])
    }
  }

  private func checkMasks<T: Scalar>(_: T.Type) {
    let a = [1, 2, 3, .nan, 4, .nan, 0, -0.0, .infinity]
    let b = [2, 2, 1, 5, .nan, .nan, -0.0, 0, 1]
    let mask = Buffer<T>(count: a.count)
    greaterMask(T.self, Buffer<T>(a).pointer, Buffer<T>(b).pointer, 1, mask.pointer, a.count)
    XCTAssertEqual(mask.values, [0, 1, 1, 1, 0, 1, 1, 1, 1])
    greaterMask(T.self, Buffer<T>(a).pointer, Buffer<T>(b).pointer, -1, mask.pointer, a.count)
    XCTAssertEqual(mask.values, [1, 1, 0, 1, 0, 1, 1, 1, 0])
    complement(T.self, mask.pointer, mask.pointer, a.count)
    XCTAssertEqual(mask.values, [0, 0, 1, 0, 1, 0, 0, 0, 1])
  }

  func testMasksOfTheLargerAndTheSmaller() { for type in scalarTypes { checkMasks(type) } }

  private func checkMaskedCopy<T: Scalar>(_: T.Type, _ n: Int, accumulate: Bool) {
    var numbers = Numbers(seed: UInt64(n + 1))
    let mask = (0..<n).map { [0, 1, 0, 2][$0 % 4] }.map(Double.init)
    var x = numbers.array(n)
    for i in x.indices where mask[i] == 0 { x[i] = i % 8 == 0 ? .nan : .infinity }
    let y = numbers.array(n)
    let wanted = (0..<n).map { (accumulate ? y[$0] : 0) + (mask[$0] == 0 ? 0 : mask[$0] * x[$0]) }
    let out = accumulate ? Buffer<T>(y) : Buffer<T>(count: n)
    maskedCopy(T.self, Buffer<T>(x).pointer, Buffer<T>(mask).pointer, out.pointer, n, accumulate)
    expectClose(T.self, out.values, wanted, "\(n)")
  }

  func testWhatIsMaskedOutMayBeNaN() {
    for n in tailCounts {
      for accumulate in [false, true] {
        for type in scalarTypes { checkMaskedCopy(type, n, accumulate: accumulate) }
      }
    }
  }
}
