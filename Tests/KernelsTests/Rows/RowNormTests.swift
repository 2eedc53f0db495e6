import TestSupport
import XCTest

@testable import Kernels

/// Normalized rows, their tangents and pullbacks against loops in double precision, for widths around the vectors'.
final class RowNormTests: XCTestCase {
  private let shapes = [(0, 3), (1, 1), (5, 7), (300, 16), (40, 33), (3, 5000), (2, 0)]
  private let eps = 1e-3

  /// h of every element, and the scale of its row.
  private func normalized(_ x: [Double], _ width: Int) -> (h: [Double], scale: [Double]) {
    var (h, scale) = (x, x)
    for row in stride(from: 0, to: x.count, by: max(1, width)) {
      let range = row..<(row + width)
      let mean = x[range].reduce(0, +) / Double(width)
      let variance = x[range].reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(width)
      for i in range {
        scale[i] = 1 / (variance + eps).squareRoot()
        h[i] = (x[i] - mean) * scale[i]
      }
    }
    return (h, scale)
  }

  /// s P(v) of every row.
  private func project(_ v: [Double], _ h: [Double], _ scale: [Double], _ width: Int) -> [Double] {
    var result = v
    for row in stride(from: 0, to: v.count, by: max(1, width)) {
      let range = row..<(row + width)
      let mean = v[range].reduce(0, +) / Double(width)
      let product = range.reduce(0) { $0 + v[$1] * h[$1] } / Double(width)
      for i in range { result[i] = scale[i] * (v[i] - mean - h[i] * product) }
    }
    return result
  }

  private func checkValue<T: Scalar>(_: T.Type, _ rows: Int, _ width: Int) {
    var numbers = Numbers(seed: UInt64(rows + width))
    // A mean that is large beside the spread: a one-pass formula would lose the variance.
    let x = numbers.array(rows * width).map { Double(Float(30 + $0)) }
    let (w, b) = (numbers.array(width), numbers.array(width))
    let h = normalized(x, width).h
    let got = sameBitsForAnyThreads {
      let out = Buffer<T>(count: rows * width)
      try! RowNorm(rows: rows, width: width).normalize(
        T.self, Buffer<T>(x).pointer, weight: Buffer<T>(w).pointer, bias: Buffer<T>(b).pointer, eps: eps,
        out.pointer)
      return out.values
    }
    // x - m is exact to a rounding error of 30.
    expectClose(T.self, got, h.indices.map { h[$0] * w[$0 % width] + b[$0 % width] }, units: 400)
  }

  func testValue() {
    for (rows, width) in shapes {
      for type in scalarTypes { checkValue(type, rows, width) }
    }
  }

  private func checkPasses<T: Scalar>(_: T.Type, _ rows: Int, _ width: Int, accumulate: Bool) {
    var numbers = Numbers(seed: UInt64(7 * rows + width))
    let (x, v, old) = (
      numbers.array(rows * width), numbers.array(rows * width), numbers.array(rows * width)
    )
    let (w, dw, db) = (numbers.array(width), numbers.array(width), numbers.array(width))
    let norm = try! RowNorm(rows: rows, width: width)
    let (px, pw, pv) = (Buffer<T>(x).pointer, Buffer<T>(w).pointer, Buffer<T>(v).pointer)
    norm.normalize(
      T.self, px, weight: pw, bias: pw, eps: eps, Buffer<T>(count: rows * width).pointer)
    let (h, scale) = normalized(x, width)
    let before = accumulate ? old : old.map { _ in 0 }

    let moved = project(v, h, scale, width)
    let pushed = sameBitsForAnyThreads {
      let out = Buffer<T>(accumulate ? old : old.map { _ in .nan })
      norm.tangent(
        T.self, px, weight: pw, dx: pv, dw: Buffer<T>(dw).pointer, db: Buffer<T>(db).pointer, out.pointer,
        accumulate)
      return out.values
    }
    let dy = x.indices.map { i in
      before[i] + dw[i % width] * h[i] + w[i % width] * moved[i] + db[i % width]
    }
    expectClose(T.self, pushed, dy, units: 1000, "tangent")

    let gradient = project(x.indices.map { v[$0] * w[$0 % width] }, h, scale, width)
    var sums = [Double](repeating: 0, count: 2 * width)
    for i in x.indices {
      sums[i % width] += v[i]
      sums[width + i % width] += v[i] * h[i]
    }
    let pulled = sameBitsForAnyThreads {
      let out = Buffer<T>(accumulate ? old : old.map { _ in .nan })
      let got = norm.pull(
        T.self, px, weight: pw, RowPullback(dg: pv), gx: (out.pointer, accumulate), sums: true)
      return out.values + got
    }
    expectClose(T.self, pulled, x.indices.map { before[$0] + gradient[$0] } + sums, units: 1000, "pullback")
  }

  func testTangentAndPullback() {
    for (rows, width) in shapes {
      for type in scalarTypes {
        for accumulate in [false, true] { checkPasses(type, rows, width, accumulate: accumulate) }
      }
    }
  }
}
