import Foundation
import TestSupport
import XCTest

@testable import Kernels

final class CrossEntropyTests: XCTestCase {
  private struct Plain {
    let rows: Int, classes: Int
    let logits: [Double]
    let labels: [Int32]

    init(rows: Int, classes: Int, spread: Double, shift: Double = 0, seed: UInt64 = 1) {
      var numbers = Numbers(seed: seed)
      (self.rows, self.classes) = (rows, classes)
      logits = (0..<(rows * classes)).map { _ in Double(Float(spread * numbers.next() + shift)) }
      labels = (0..<rows).map { _ in Int32(numbers.integer(below: classes)) }
    }

    func row(_ r: Int) -> [Double] { Array(logits[(r * classes)..<((r + 1) * classes)]) }

    func probabilities(_ r: Int) -> [Double] {
      let x = row(r)
      let top = x.max()!
      let sum = x.reduce(0) { $0 + Foundation.exp($1 - top) }
      return x.map { Foundation.exp($0 - top) / sum }
    }

    var loss: Double {
      (0..<rows).reduce(0) { total, r in
        let x = row(r)
        let top = x.max()!
        let spread = Foundation.log(x.reduce(0) { $0 + Foundation.exp($1 - top) })
        return total + spread + (top - x[Int(labels[r])])
      }
    }
  }

  private let problems = [
    Plain(rows: 3, classes: 1, spread: 1), Plain(rows: 4, classes: 10, spread: 3),
    Plain(rows: 2, classes: 16, spread: 50), Plain(rows: 5, classes: 33, spread: 2, shift: 30_000),
    Plain(rows: 2, classes: 7, spread: 60_000), Plain(rows: 0, classes: 3, spread: 1),
    Plain(rows: 16, classes: 1, spread: 1), Plain(rows: 53, classes: 10, spread: 3),
    Plain(rows: 37, classes: 63, spread: 50), Plain(rows: 35, classes: 64, spread: 2),
    Plain(rows: 1001, classes: 10, spread: 2, shift: 100),
  ]

  private func check<T: Scalar>(_: T.Type, _ plain: Plain) {
    let (rows, classes) = (plain.rows, plain.classes)
    let p = Buffer<T>(count: rows * classes)
    let loss = softmaxCrossEntropy(
      T.self, Buffer<T>(plain.logits).pointer, plain.labels, p.pointer, rows, classes)
    XCTAssertEqual(loss, plain.loss, accuracy: 32 * Double(T.ulpOfOne) * max(1, plain.loss), "\(T.self)")
    let wanted = (0..<rows).flatMap(plain.probabilities)
    expectClose(T.self, p.values, wanted, units: 16)

    var numbers = Numbers(seed: 2)
    let (before, dx) = (numbers.array(rows * classes), numbers.array(rows * classes))
    let onehot = (0..<(rows * classes)).map { $0 % classes == Int(plain.labels[$0 / classes]) ? 1.0 : 0 }
    let gradient = zip(wanted, onehot).map { 0.75 * ($0 - $1) }
    for accumulate in [false, true] {
      let out = accumulate ? Buffer<T>(before) : Buffer<T>(count: before.count)
      crossEntropyGradient(T.self, p.pointer, plain.labels, 0.75, out.pointer, rows, classes, accumulate)
      expectClose(T.self, out.values, accumulate ? zip(before, gradient).map(+) : gradient, units: 16)
    }
    let tangent = crossEntropyTangent(T.self, p.pointer, plain.labels, Buffer<T>(dx).pointer, rows, classes)
    XCTAssertEqual(tangent, dot(gradient, dx) / 0.75, accuracy: 64 * Double(T.ulpOfOne), "\(T.self)")
    let curvature = Buffer<T>(before)
    crossEntropyCurvature(T.self, p.pointer, Buffer<T>(dx).pointer, -2, curvature.pointer, rows, classes)
    var product = before
    for r in 0..<rows {
      let p = plain.probabilities(r)
      for i in 0..<classes {
        for j in 0..<classes {
          product[r * classes + i] += -2 * ((i == j ? p[i] : 0) - p[i] * p[j]) * dx[r * classes + j]
        }
      }
    }
    expectClose(T.self, curvature.values, product, units: 32)
  }

  func testAgainstTheLogarithmOfTheSum() {
    for plain in problems { for type in scalarTypes { check(type, plain) } }
  }

  private func loss<T: Scalar>(_: T.Type, _ logits: [Double], _ label: Int32) -> Double {
    let p = Buffer<T>(count: logits.count)
    return softmaxCrossEntropy(T.self, Buffer<T>(logits).pointer, [label], p.pointer, 1, logits.count)
  }

  func testBlocksOfRows() {
    let plain = Plain(rows: 9001, classes: 10, spread: 2)
    let wanted = (0..<plain.rows).flatMap(plain.probabilities)
    func results<T: Scalar>(_: T.Type) -> [Double] {
      let count = plain.rows * plain.classes
      let (p, gradient) = (Buffer<T>(count: count), Buffer<T>(count: count))
      let loss = softmaxCrossEntropy(
        T.self, Buffer<T>(plain.logits).pointer, plain.labels, p.pointer, plain.rows, plain.classes)
      XCTAssertEqual(loss, plain.loss, accuracy: 32 * Double(T.ulpOfOne) * plain.loss, "\(T.self)")
      expectClose(T.self, p.values, wanted, units: 16)
      crossEntropyGradient(
        T.self, p.pointer, plain.labels, 0.5, gradient.pointer, plain.rows, plain.classes, false)
      return [loss] + p.values + gradient.values
    }
    for type in scalarTypes { sameBitsForAnyThreads { results(type) } }
  }

  /// A row that is not finite spoils itself and none of those beside it.
  func testNonFiniteLogitsAmongManyRows() {
    func check<T: Scalar>(_: T.Type) {
      for bad in [0, 5, 15, 31] {
        var logits = [Double](repeating: 0, count: 32 * 3)
        logits[3 * bad + 1] = .nan
        let p = Buffer<T>(count: logits.count)
        let labels = [Int32](repeating: 0, count: 32)
        let loss = softmaxCrossEntropy(T.self, Buffer<T>(logits).pointer, labels, p.pointer, 32, 3)
        XCTAssertTrue(loss.isNaN)
        for (i, value) in p.values.enumerated() {
          if i / 3 == bad {
            XCTAssertTrue(value.isNaN)
          } else {
            XCTAssertEqual(value, 1.0 / 3, accuracy: 1e-6)
          }
        }
      }
    }
    for type in scalarTypes { check(type) }
  }

  func testNonFiniteLogits() {
    for type in scalarTypes {
      XCTAssertTrue(loss(type, [0, .nan, 1], 0).isNaN)
      XCTAssertTrue(loss(type, [.nan, 2, 1], 1).isNaN)
      XCTAssertEqual(loss(type, [0, -.infinity, 0], 1), .infinity)
      XCTAssertEqual(loss(type, [0, -.infinity, 0], 2), Foundation.log(2), accuracy: 1e-6)
    }
  }
}
