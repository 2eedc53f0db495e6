import CLRSwift
import XCTest

@testable import CInterface

final class VectorsABITests: XCTestCase {
  private let wide = lrs_dtype(LRS_FLOAT64)

  /// Vectors of two parameters of 3 and 0 elements.
  private func withVectors(
    _ parameter: inout [Double], _ gradient: [Double], _ state: inout [Double], _ direction: inout [Double],
    _ body: (UnsafePointer<lrs_vectors>, Int) -> Void
  ) {
    var gradient = gradient
    parameter.withUnsafeMutableBytes { p in
      gradient.withUnsafeMutableBytes { g in
        state.withUnsafeMutableBytes { s in
          direction.withUnsafeMutableBytes { d in
            let whole = lrs_vectors(
              parameter: vector(p), gradient: vector(g), state0: vector(s), state1: lrs_vector(),
              direction: vector(d))
            body([whole, lrs_vectors()], 2)
          }
        }
      }
    }
  }

  private func vector(_ bytes: UnsafeMutableRawBufferPointer) -> lrs_vector {
    lrs_vector(values: bytes.baseAddress, bytes: Int64(bytes.count))
  }

  func testAStepOfMomentumByHand() {
    var (p, v, d) = ([1.0, 2, 3], [1.0, 1, 1], [0.0, 0, 0])
    let g = [0.5, -1, 2]
    var sums = [Double](repeating: -1, count: 4)
    withVectors(&p, g, &v, &d) { list, count in
      let options = ["momentum": [0.5], "weight_decay": [0.1]]
      expectOK(
        withAttributes(options) { lrs_vectors_direction(&sums, "sgd", $0, $1, 2, wide, list, count) })
    }
    // v = v / 2 + g + p / 10; after two steps the gradients in v weigh 1.5
    let expected = [1.1, -0.3, 2.8]
    for i in 0..<3 {
      XCTAssertEqual(v[i], expected[i], accuracy: 1e-15)
      XCTAssertEqual(d[i], expected[i], accuracy: 1e-15)
    }
    XCTAssertEqual(p, [1, 2, 3])
    XCTAssertEqual(sums[0], 0.5 * 1.1 + 0.3 + 2 * 2.8, accuracy: 1e-14)
    XCTAssertEqual(sums[1], (1.21 + 0.09 + 7.84) / 1.5, accuracy: 1e-14)
    XCTAssertEqual(sums[2...], [0, 0])
    withVectors(&p, g, &v, &d) { list, count in expectOK(lrs_vectors_move(wide, list, count, 10)) }
    for (found, old) in zip(p, zip([1.0, 2, 3], expected)) {
      XCTAssertEqual(found, old.0 - 10 * old.1, accuracy: 1e-14)
    }
  }

  /// YellowFin's two passes by hand: a = a / 2 + g / 2, |a|^2; v = v / 4 + g, p -= v / 10.
  func testThePassesOfAMethod() {
    var (p, a, v) = ([1.0, 2], [2.0, 0], [4.0, 8])
    let g = [0.0, 4]
    var sums = [-1.0, -1, -1]
    func pass(_ second: Bool, _ numbers: lrs_pass, bytes: Int64 = 16) -> lrs_status {
      var numbers = numbers
      return p.withUnsafeMutableBytes { p in
        a.withUnsafeMutableBytes { a in
          v.withUnsafeMutableBytes { v in
            g.withUnsafeBytes { g in
              let gradient = UnsafeMutableRawPointer(mutating: g.baseAddress)
              let place = lrs_places(
                parameter: lrs_vector(values: p.baseAddress, bytes: 16),
                gradient: lrs_vector(values: gradient, bytes: 16),
                state0: lrs_vector(values: a.baseAddress, bytes: bytes),
                state1: lrs_vector(values: v.baseAddress, bytes: 16), state2: lrs_vector(),
                state3: lrs_vector())
              return [place].withUnsafeBufferPointer {
                lrs_vectors_pass(
                  &sums, "yellowfin", "sgd", nil, 0, 1, wide, second, &numbers, $0.baseAddress, 1)
              }
            }
          }
        }
      }
    }
    expectOK(pass(false, lrs_pass(rate: 0, scale: 1, weight: 0.5, memory: 0.5)))
    XCTAssertEqual(a, [1, 2])
    XCTAssertEqual(sums, [5, 0, 0])
    XCTAssertEqual(p, [1, 2])
    expectOK(pass(true, lrs_pass(rate: 0.5, scale: 1, weight: 0, memory: 0.25)))
    XCTAssertEqual(v, [1, 6])
    XCTAssertEqual(p, [0.5, -1])
    XCTAssertEqual(sums, [0, 0, 0])
    expect(LRS_SHAPE_ERROR, "state0 of vector 0 must have 16 bytes") { pass(false, lrs_pass(), bytes: 8) }
    var numbers = lrs_pass()
    expect(LRS_VALUE_ERROR, "no method of the rate 'l4'") {
      lrs_vectors_pass(&sums, "l4", "sgd", nil, 0, 1, wide, false, &numbers, nil, 0)
    }
    XCTAssertNotEqual(lrs_vectors_pass(nil, nil, nil, nil, 0, 1, wide, false, nil, nil, 0), ok)
  }

  /// The weights of the gradients in the first vector, summed by hand.
  func testSmoothing() {
    func factor(_ name: String, _ options: [String: [Double]], _ step: Double) -> Double {
      var found = -1.0
      expectOK(withAttributes(options) { lrs_vectors_smoothing(&found, name, $0, $1, step) })
      return found
    }
    XCTAssertEqual(factor("ema", ["beta": [0.5]], 3), 1 / (0.5 + 0.25 + 0.125), accuracy: 1e-15)
    XCTAssertEqual(factor("adam", ["beta1": [0.75]], 2), 1 / (0.25 + 0.75 * 0.25), accuracy: 1e-15)
    XCTAssertEqual(
      factor("sgd", ["momentum": [0.5], "dampening": [0.2]], 3), 1 / (0.25 + 0.5 * 0.8 + 0.8), accuracy: 1e-15
    )
    XCTAssertEqual(factor("sgd", ["dampening": [0.2]], 3), 0)
    XCTAssertEqual(factor("rmsprop", ["momentum": [0.5]], 3), 0)
    expect(LRS_VALUE_ERROR, "factor") { lrs_vectors_smoothing(nil, "sgd", nil, 0, 1) }
    var found = 7.0
    expect(LRS_VALUE_ERROR, "direction") { lrs_vectors_smoothing(&found, nil, nil, 0, 1) }
    expect(LRS_VALUE_ERROR, "step") { lrs_vectors_smoothing(&found, "sgd", nil, 0, 0) }
    expect(LRS_VALUE_ERROR, "down") { lrs_vectors_smoothing(&found, "down", nil, 0, 1) }
    XCTAssertEqual(found, 7)
  }

  func testProducts() {
    var (a, b): ([Float], [Float]) = ([1, 2, 3], [4, -5, 6])
    var out = [-1.0, -1]
    a.withUnsafeMutableBytes { a in
      b.withUnsafeMutableBytes { b in
        let pairs = [lrs_pair(a: vector(a), b: vector(b)), lrs_pair()]
        expectOK(lrs_vectors_products(&out, lrs_dtype(LRS_FLOAT32), pairs, 2))
        XCTAssertEqual(out, [12, 0])
        let shorter = lrs_vector(values: b.baseAddress, bytes: 8)
        let uneven = [lrs_pair(a: vector(a), b: shorter)]
        expect(LRS_SHAPE_ERROR, "b of vector 0 must have 12 bytes, got 8") {
          lrs_vectors_products(&out, lrs_dtype(LRS_FLOAT32), uneven, 1)
        }
        let parts = lrs_vector(values: a.baseAddress, bytes: 10)
        expect(LRS_SHAPE_ERROR, "whole elements of 4 bytes") {
          lrs_vectors_products(&out, lrs_dtype(LRS_FLOAT32), [lrs_pair(a: parts, b: parts)], 1)
        }
      }
    }
  }

  func testWhatCannotBeIsRefusedBeforeAnythingIsWritten() {
    var (p, v, d) = ([1.0, 2, 3], [1.0, 1, 1], [7.0, 7, 7])
    var sums = [Double](repeating: 0, count: 4)
    withVectors(&p, [1, 1, 1], &v, &d) { list, count in
      func direct(
        _ name: String?, _ step: Double, _ dtype: Int, _ list: UnsafePointer<lrs_vectors>?, _ n: Int
      )
        -> lrs_status
      {
        lrs_vectors_direction(&sums, name, nil, 0, step, lrs_dtype(dtype), list, n)
      }
      expect(LRS_VALUE_ERROR, "out") { lrs_vectors_products(nil, wide, nil, 0) }
      expect(LRS_VALUE_ERROR, "sums") { lrs_vectors_direction(nil, "sgd", nil, 0, 1, wide, list, count) }
      expect(LRS_VALUE_ERROR, "down") { direct("down", 1, LRS_FLOAT64, list, count) }
      expect(LRS_VALUE_ERROR, "direction") { direct(nil, 1, LRS_FLOAT64, list, count) }
      expect(LRS_VALUE_ERROR, "step") { direct("sgd", 0, LRS_FLOAT64, list, count) }
      expect(LRS_TYPE_ERROR, "float32 or float64") { direct("sgd", 1, LRS_INT64, list, count) }
      expect(LRS_VALUE_ERROR, "vectors") { direct("sgd", 1, LRS_FLOAT64, nil, 1) }
      expect(LRS_VALUE_ERROR, "vectors") { direct("sgd", 1, LRS_FLOAT64, list, -1) }
      expect(LRS_SHAPE_ERROR, "state1 of vector 0") { direct("adam", 1, LRS_FLOAT64, list, count) }
      var bad = [list[0], list[0]]
      bad[1].direction.values = nil
      expect(LRS_VALUE_ERROR, "direction of vector 1") { direct("sgd", 1, LRS_FLOAT64, bad, 2) }
      expect(LRS_VALUE_ERROR, "direction of vector 1") { lrs_vectors_move(wide, bad, 2, 1) }
      bad[1].direction.values = list[0].direction.values + 4
      expect(LRS_VALUE_ERROR, "aligned") { direct("sgd", 1, LRS_FLOAT64, bad, 2) }
      bad[1].parameter.bytes = -8
      expect(LRS_VALUE_ERROR, "length") { direct("sgd", 1, LRS_FLOAT64, bad, 2) }
    }
    XCTAssertEqual(d, [7, 7, 7])
    XCTAssertEqual(p, [1, 2, 3])
  }

  /// Every vector of a parameter but for those that are not looked at, shorter and longer than it.
  func testVectorsOfAnotherLengthAreRefusedBeforeAnythingIsWritten() {
    var (p, v, d) = ([1.0, 2, 3], [1.0, 1, 1], [7.0, 7, 7])
    var sums = [Double](repeating: 0, count: 4)
    withVectors(&p, [1, 1, 1], &v, &d) { list, _ in
      let vectors: [(String, WritableKeyPath<lrs_vectors, lrs_vector>)] = [
        ("gradient", \.gradient), ("state0", \.state0), ("state1", \.state1), ("direction", \.direction),
      ]
      for (name, vector) in vectors {
        for bytes in [0, 16, 32] as [Int64] {
          var both = [list[0], list[0]]
          both[0].state1 = both[0].state0
          both[1].state1 = both[1].state0
          both[1][keyPath: vector].bytes = bytes
          let what = "\(name) of vector 1 must have 24 bytes, got \(bytes)"
          expect(LRS_SHAPE_ERROR, what) { lrs_vectors_direction(&sums, "adam", nil, 0, 1, wide, both, 2) }
          if name == "direction" {
            expect(LRS_SHAPE_ERROR, what) { lrs_vectors_move(wide, both, 2, 1) }
          } else if name == "gradient" {
            expect(LRS_SHAPE_ERROR, what) { lrs_vectors_direction(&sums, "sgd", nil, 0, 1, wide, both, 2) }
          }
        }
      }
    }
    XCTAssertEqual(v, [1, 1, 1])
    XCTAssertEqual(d, [7, 7, 7])
    XCTAssertEqual(p, [1, 2, 3])
  }
}
