import Foundation
import TestSupport
import XCTest

@testable import Kernels

/// Beside the kernels of few classes, which keep the probabilities and are tested against the definition.
final class WideCrossEntropyTests: XCTestCase {
  private let shapes = [(3, 64), (5, 65), (1, 79), (40, 1000), (7, 5003), (0, 64)]

  private func check<T: Scalar>(_: T.Type, _ rows: Int, _ classes: Int, spread: Double) throws {
    var numbers = Numbers(seed: 11)
    let count = rows * classes
    let logits = Buffer<T>(numbers.array(count).map { spread * $0 + 3 * spread })
    let labels = (0..<rows).map { _ in Int32(numbers.integer(below: classes)) }
    let (dx, before) = (Buffer<T>(numbers.array(count)), numbers.array(count))
    let wide = try WideCrossEntropy(rows: rows, classes: classes)
    let ulp = Double(T.ulpOfOne)

    let p = Buffer<T>(count: count)
    let wanted = softmaxCrossEntropy(T.self, logits.pointer, labels, p.pointer, rows, classes)
    let loss = wide.loss(T.self, logits.pointer, labels)
    XCTAssertEqual(loss, wanted, accuracy: 64 * ulp * max(1, wanted))

    let tangent = crossEntropyTangent(T.self, p.pointer, labels, dx.pointer, rows, classes)
    XCTAssertEqual(
      wide.tangent(T.self, logits.pointer, labels, dx.pointer), tangent,
      accuracy: 256 * ulp * Double(rows + 1))

    for accumulate in [false, true] {
      let (found, other) = (Buffer<T>(before), Buffer<T>(before))
      wide.gradient(T.self, logits.pointer, labels, 0.75, found.pointer, accumulate)
      crossEntropyGradient(T.self, p.pointer, labels, 0.75, other.pointer, rows, classes, accumulate)
      expectClose(T.self, found.values, other.values, units: 64)
    }
    let (found, other) = (Buffer<T>(before), Buffer<T>(before))
    wide.curvature(T.self, logits.pointer, dx.pointer, -2, found.pointer)
    crossEntropyCurvature(T.self, p.pointer, dx.pointer, -2, other.pointer, rows, classes)
    expectClose(T.self, found.values, other.values, units: 64)
  }

  func testItIsWhatFewClassesAre() throws {
    for (rows, classes) in shapes {
      for spread in [1.0, 40] {
        try check(Float.self, rows, classes, spread: spread)
        try check(Double.self, rows, classes, spread: spread)
      }
    }
  }

  func testItTakesManyClasses() {
    XCTAssertFalse(WideCrossEntropy.takes(63))
    XCTAssertTrue(WideCrossEntropy.takes(64))
  }

  func testTheSameBitsForAnyNumberOfThreads() throws {
    let threads = ThreadPool.shared.threads
    defer { ThreadPool.shared.threads = threads }
    let (rows, classes) = (300, 1001)
    var numbers = Numbers(seed: 2)
    let logits = Buffer<Float>(numbers.array(rows * classes))
    let dx = Buffer<Float>(numbers.array(rows * classes))
    let labels = (0..<rows).map { Int32($0) }
    var first: ([Double], [Double], [Double])?
    for count in 1...4 {
      ThreadPool.shared.threads = count
      let wide = try WideCrossEntropy(rows: rows, classes: classes)
      let (gradient, curvature) = (Buffer<Float>(count: rows * classes), Buffer<Float>(count: rows * classes))
      let sums = [
        wide.loss(Float.self, logits.pointer, labels),
        wide.tangent(Float.self, logits.pointer, labels, dx.pointer),
      ]
      wide.gradient(Float.self, logits.pointer, labels, 1, gradient.pointer, false)
      curvature.pointer.assumingMemoryBound(to: Float.self).update(repeating: 0, count: rows * classes)
      wide.curvature(Float.self, logits.pointer, dx.pointer, 1, curvature.pointer)
      let found = (sums, gradient.values, curvature.values)
      if let first {
        XCTAssertEqual(found.0, first.0)
        XCTAssertEqual(found.1, first.1)
        XCTAssertEqual(found.2, first.2)
      }
      first = found
    }
  }
}
