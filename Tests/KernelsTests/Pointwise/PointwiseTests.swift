import Foundation
import TestSupport
import Vocabulary
import XCTest

@testable import Kernels

/// Every function of the catalogue: values against the C library, derivatives against differences.
final class PointwiseTests: XCTestCase {
  private struct Reference {
    let value: (Double) -> Double
    var low = -4.0
    var high = 4.0
    var parameters = PointwiseParameters()
    /// The derivative jumps at 0; points near it are left out.
    var hasKink = false
  }

  private let references: [String: Reference] = [
    "relu": Reference(value: { max($0, 0) }, hasKink: true),
    "tanh": Reference(value: Foundation.tanh),
    "sigmoid": Reference(value: { 1 / (1 + Foundation.exp(-$0)) }, low: -30, high: 30),
    "gelu": Reference(value: { 0.5 * $0 * Foundation.erfc(-$0 / 2.0.squareRoot()) }),
    "exp": Reference(value: Foundation.exp),
    "log": Reference(value: Foundation.log, low: 0.05),
    "sqrt": Reference(value: { $0.squareRoot() }, low: 0.05),
    "reciprocal": Reference(value: { 1 / $0 }, low: 0.2),
    "square": Reference(value: { $0 * $0 }),
    "abs": Reference(value: abs, hasKink: true),
    "softplus": Reference(
      value: { max($0, 0) + Foundation.log1p(Foundation.exp(-abs($0))) }, low: -30, high: 30),
    "sin": Reference(value: Foundation.sin),
    "cos": Reference(value: Foundation.cos),
    "erf": Reference(value: Foundation.erf),
    "affine": Reference(value: { -1.5 * $0 + 0.25 }, parameters: PointwiseParameters(-1.5, 0.25)),
    "power": Reference(value: { Foundation.pow($0, 2.7) }, low: 0.05, parameters: PointwiseParameters(2.7)),
  ]

  private func kernels(_ name: String, _ dtype: DType) -> PointwiseKernels {
    PointwiseCatalogue.functions.first { $0.name == name }!.kernels(dtype)
  }

  private func points(_ r: Reference, _ n: Int = 400) -> [Double] {
    (0..<n).map { Double(Float(r.low + (r.high - r.low) * (Double($0) + 0.5) / Double(n))) }
  }

  private func values<T: Scalar>(_: T.Type, _ name: String, _ r: Reference, _ x: [Double]) -> [Double] {
    let y = Buffer<T>(count: x.count)
    kernels(name, T.dtype).value(Buffer<T>(x).pointer, y.pointer, x.count, r.parameters)
    return y.values
  }

  private func firsts<T: Scalar>(
    _: T.Type, _ name: String, _ r: Reference, _ x: [Double], _ v: [Double], onto before: [Double]? = nil
  ) -> [Double] {
    let y = Buffer<T>(values(T.self, name, r, x))
    let out = before.map { Buffer<T>($0) } ?? Buffer<T>(count: x.count)
    kernels(name, T.dtype).first(
      Buffer<T>(x).pointer, y.pointer, Buffer<T>(v).pointer, out.pointer, x.count, before != nil, r.parameters
    )
    return out.values
  }

  private func seconds<T: Scalar>(
    _: T.Type, _ name: String, _ r: Reference, _ x: [Double], _ u: [Double], _ v: [Double],
    onto before: [Double]
  ) -> [Double] {
    let y = Buffer<T>(values(T.self, name, r, x))
    let out = Buffer<T>(before)
    kernels(name, T.dtype).second(
      Buffer<T>(x).pointer, y.pointer, Buffer<T>(u).pointer, Buffer<T>(v).pointer, out.pointer, x.count,
      r.parameters)
    return out.values
  }

  func testEveryFunctionHasAReference() {
    let names = PointwiseCatalogue.functions.map(\.name)
    XCTAssertEqual(Set(names), Set(references.keys))
    XCTAssertEqual(Set(names).count, names.count)
    for function in PointwiseCatalogue.functions { XCTAssertLessThanOrEqual(function.constants.count, 2) }
  }

  /// Each value within a few rounding errors of itself, or of 1 where it is small.
  func testValues() {
    func run<T: Scalar>(_: T.Type) {
      for (name, r) in references {
        let x = points(r)
        for (x, y) in zip(x, values(T.self, name, r, x)) {
          let wanted = r.value(x)
          XCTAssertEqual(y, wanted, accuracy: 8 * Double(T.ulpOfOne) * max(1, abs(wanted)), "\(name)(\(x))")
        }
      }
    }
    for type in scalarTypes { run(type) }
  }

  func testFirstDerivativesAgainstDifferencesOfTheReference() {
    let h = 1e-5
    for (name, r) in references {
      let x = points(r).filter { !r.hasKink || abs($0) > 0.01 }
      let got = firsts(Double.self, name, r, x, [Double](repeating: 1, count: x.count))
      for (x, d) in zip(x, got) {
        let wanted = (r.value(x + h) - r.value(x - h)) / (2 * h)
        XCTAssertEqual(d, wanted, accuracy: 1e-7 * max(1, abs(wanted)), "\(name)'(\(x))")
      }
    }
  }

  func testSecondDerivativesAgainstDifferencesOfTheReference() {
    let h = 1e-3
    for (name, r) in references {
      let x = points(r).filter { !r.hasKink || abs($0) > 0.05 }
      let ones = [Double](repeating: 1, count: x.count)
      let got = seconds(Double.self, name, r, x, ones, ones, onto: ones.map { _ in 0 })
      for (x, d) in zip(x, got) {
        let (a, b, c) = (r.value(x - 2 * h), r.value(x - h), r.value(x))
        let wanted = (-a + 16 * b - 30 * c + 16 * r.value(x + h) - r.value(x + 2 * h)) / (12 * h * h)
        XCTAssertEqual(d, wanted, accuracy: 1e-5 * max(1, abs(wanted)), "\(name)''(\(x))")
      }
    }
  }

  /// Tails, factors, accumulation: out (+)= phi' v and out += phi'' u v, in single precision against double.
  func testFactorsTailsAndSinglePrecision() {
    for (name, r) in references {
      for n in tailCounts {
        var numbers = Numbers(seed: UInt64(n + 3))
        let x = points(r, max(1, n)).prefix(n).filter { !r.hasKink || abs($0) > 0.01 }
        let (u, v, before) = (numbers.array(x.count), numbers.array(x.count), numbers.array(x.count))
        let ones = x.map { _ in 1.0 }
        let first = firsts(Double.self, name, r, x, ones)
        let second = seconds(Double.self, name, r, x, ones, ones, onto: x.map { _ in 0.0 })
        func run<T: Scalar>(_: T.Type) {
          let label = "\(name) \(n)"
          let one = x.indices.map { first[$0] * v[$0] }
          let two = x.indices.map { before[$0] + second[$0] * u[$0] * v[$0] }
          expectClose(T.self, values(T.self, name, r, x), x.map(r.value), units: 8, label)
          expectClose(T.self, firsts(T.self, name, r, x, v), one, units: 16, label)
          expectClose(
            T.self, firsts(T.self, name, r, x, v, onto: before), zip(before, one).map(+), units: 16, label)
          expectClose(T.self, seconds(T.self, name, r, x, u, v, onto: before), two, units: 32, label)
        }
        for type in scalarTypes { run(type) }
      }
    }
  }

  func testSharedOutAmongThreads() {
    let n = 2 * blockLength + 9
    let x = (0..<n).map { Double(Float(Double($0 % 1001) / 500 - 1)) }
    for name in ["relu", "square"] {
      let got = sameBitsForAnyThreads { values(Float.self, name, references[name]!, x) }
      expectClose(Float.self, got, x.map(references[name]!.value))
    }
  }

  func testEdges() {
    let edges = [0, .nan, .infinity, -.infinity, -0.0]
    func at<T: Scalar>(_: T.Type, _ name: String) -> [Double] {
      values(T.self, name, references[name]!, edges)
    }
    for type in scalarTypes {
      let relu = at(type, "relu")
      XCTAssertEqual([relu[0], relu[2], relu[3]], [0, .infinity, 0])
      XCTAssertTrue(relu[1].isNaN)
      let softplus = at(type, "softplus")
      XCTAssertEqual([softplus[2], softplus[3]], [.infinity, 0])
      XCTAssertTrue(softplus[1].isNaN)
      let sigmoid = at(type, "sigmoid")
      XCTAssertEqual([sigmoid[0], sigmoid[2], sigmoid[3]], [0.5, 1, 0])
      XCTAssertTrue(sigmoid[1].isNaN)
      XCTAssertEqual(at(type, "log")[3].isNaN, true)
      XCTAssertEqual(at(type, "sqrt")[0], 0)
      for name in ["relu", "abs"] {
        XCTAssertEqual(firsts(type, name, references[name]!, [0], [1]), [0], "\(name)' at its kink")
      }
      XCTAssertEqual(firsts(type, "sqrt", references["sqrt"]!, [0], [1]), [.infinity])
    }
  }
}
