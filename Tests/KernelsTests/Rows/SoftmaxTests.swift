import Foundation
import TestSupport
import XCTest

@testable import Kernels

final class SoftmaxTests: XCTestCase {
  private func plain(_ x: [Double]) -> [Double] {
    let top = x.max()!
    let sum = x.reduce(0) { $0 + Foundation.exp($1 - top) }
    return x.map { Foundation.exp($0 - top) / sum }
  }

  private func rows(_ values: [Double], _ width: Int) -> [[Double]] {
    stride(from: 0, to: values.count, by: width).map { Array(values[$0..<($0 + width)]) }
  }

  private func check<T: Scalar>(_: T.Type, _ count: Int, _ width: Int, spread: Double, shift: Double) {
    var numbers = Numbers(seed: UInt64(width))
    let n = count * width
    let x = (0..<n).map { _ in Double(Float(spread * numbers.next() + shift)) }
    let y = Buffer<T>(count: n)
    softmaxRows(T.self, Buffer<T>(x).pointer, y.pointer, count, width, emptyIsZero: false)
    let wanted = rows(x, width).flatMap(plain)
    expectClose(T.self, y.values, wanted, units: 32)

    let (v, g, before) = (numbers.array(n), numbers.array(n), numbers.array(n))
    var (derivative, curvature) = ([Double](), [Double]())
    for row in 0..<count {
      let range = (row * width)..<((row + 1) * width)
      let (p, v, g) = (Array(wanted[range]), Array(v[range]), Array(g[range]))
      func mean(_ a: [Double]) -> Double { zip(p, a).reduce(0) { $0 + $1.0 * $1.1 } }
      derivative += zip(p, v).map { $0 * ($1 - mean(v)) }
      // The product rule, term by term: dy (g - s) - y ds.
      let dy = zip(p, v).map { $0 * ($1 - mean(v)) }
      let ds = zip(dy, g).reduce(0) { $0 + $1.0 * $1.1 }
      curvature += (0..<width).map { dy[$0] * (g[$0] - mean(g)) - p[$0] * ds }
    }
    for accumulate in [false, true] {
      let start = accumulate ? before : [Double](repeating: 0, count: n)
      let (first, second) = (Buffer<T>(before), Buffer<T>(before))
      softmaxDerivative(T.self, y.pointer, Buffer<T>(v).pointer, first.pointer, count, width, accumulate)
      expectClose(T.self, first.values, zip(start, derivative).map { $0 + $1 }, units: 64)
      softmaxCurvature(
        T.self, y.pointer, Buffer<T>(g).pointer, Buffer<T>(v).pointer, second.pointer, count, width,
        accumulate)
      expectClose(T.self, second.values, zip(start, curvature).map { $0 + $1 }, units: 64)
    }
  }

  func testValuesAndDerivatives() {
    for (count, width) in [(3, 1), (4, 7), (2, 8), (3, 16), (2, 33), (1, 5000), (700, 64), (0, 3)] {
      check(Float.self, count, width, spread: 3, shift: 0)
      check(Double.self, count, width, spread: 3, shift: 1000)
    }
  }

  func testRowsThatSeeWhatCameBefore() {
    for (length, width) in [(3, 5), (40, 40), (5, 3)] {
      var numbers = Numbers(seed: 3)
      let x = numbers.array(2 * length * width)
      let y = Buffer<Double>(count: x.count)
      softmaxRows(
        Double.self, Buffer<Double>(x).pointer, y.pointer, 2 * length, width, emptyIsZero: false,
        causal: length)
      let wanted = rows(x, width).enumerated().flatMap { row, x in
        let seen = min(width, row % length + 1)
        return plain(Array(x.prefix(seen))) + [Double](repeating: 0, count: width - seen)
      }
      expectClose(Double.self, y.values, wanted, units: 32)
    }
  }

  func testRowsThatSeeNothing() {
    let x = Buffer<Double>([-Double.infinity, -.infinity, -.infinity, 1])
    let y = Buffer<Double>(count: 4)
    softmaxRows(Double.self, x.pointer, y.pointer, 2, 2, emptyIsZero: true)
    XCTAssertEqual(y.values, [0, 0, 0, 1])
    softmaxRows(Double.self, x.pointer, y.pointer, 2, 2, emptyIsZero: false)
    XCTAssertTrue(y.values[0].isNaN && y.values[1].isNaN)
    XCTAssertEqual(Array(y.values[2...]), [0, 1])
  }
}
