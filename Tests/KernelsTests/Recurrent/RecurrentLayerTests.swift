import Foundation
import TestSupport
import Vocabulary
import XCTest

@testable import Kernels

/// Whole layers against loops in Double, for every shape of rows and any number of threads; derivatives are in
/// `CatalogueTests`.
final class RecurrentLayerTests: XCTestCase {
  private struct Problem {
    let cell: RecurrentLayer.Cell
    let steps: Int, batch: Int, hidden: Int
    let reverse: Bool
    let x: [Double], w: [Double], bias: [Double], h: [Double], c: [Double]
    var gates: Int { cell == .lstm ? 4 : 3 }

    init(_ cell: RecurrentLayer.Cell, _ steps: Int, _ batch: Int, _ hidden: Int, _ reverse: Bool) {
      (self.cell, self.steps, self.batch, self.hidden, self.reverse) = (cell, steps, batch, hidden, reverse)
      var numbers = Numbers(seed: UInt64(steps + 10 * batch + 100 * hidden))
      let gates = cell == .lstm ? 4 : 3
      x = numbers.array(steps * batch * gates * hidden)
      w = numbers.array(gates * hidden * hidden).map { $0 / Double(hidden) }
      (bias, h, c) = (
        numbers.array(gates * hidden), numbers.array(batch * hidden), numbers.array(batch * hidden)
      )
    }

    /// The states after each step, [state][step][batch][hidden].
    func states() -> [Double] {
      func sigmoid(_ x: Double) -> Double { 1 / (1 + Foundation.exp(-x)) }
      let unit = batch * hidden
      var found = [Double](repeating: 0, count: (cell == .lstm ? 2 : 1) * steps * unit)
      var (h, c) = (h, c)
      for s in 0..<steps {
        let t = reverse ? steps - 1 - s : s
        var (nextH, nextC) = (h, c)
        for row in 0..<batch {
          for j in 0..<hidden {
            func sums(_ gate: Int) -> (x: Double, h: Double) {
              let place = gate * hidden + j
              let product = (0..<hidden).reduce(bias[place]) {
                $0 + h[row * hidden + $1] * w[place * hidden + $1]
              }
              return (x[(t * batch + row) * gates * hidden + place], product)
            }
            let (a, b, d) = (sums(0), sums(1), sums(2))
            let at = row * hidden + j
            if cell == .lstm {
              let e = sums(3)
              nextC[at] = sigmoid(b.x + b.h) * c[at] + sigmoid(a.x + a.h) * Foundation.tanh(d.x + d.h)
              nextH[at] = sigmoid(e.x + e.h) * Foundation.tanh(nextC[at])
              found[(steps + t) * unit + at] = nextC[at]
            } else {
              let (r, z) = (sigmoid(a.x + a.h), sigmoid(b.x + b.h))
              nextH[at] = (1 - z) * Foundation.tanh(d.x + r * d.h) + z * h[at]
            }
            found[t * unit + at] = nextH[at]
          }
        }
        (h, c) = (nextH, nextC)
      }
      return found
    }
  }

  func testStatesAreThoseOfTheLoop() {
    func check<T: Scalar>(_: T.Type) throws {
      for (steps, batch, hidden) in [(1, 1, 1), (3, 2, 7), (4, 5, 8), (2, 3, 17), (3, 9, 33), (40, 16, 40)] {
        for cell in [RecurrentLayer.Cell.lstm, .gru] {
          for reverse in [false, true] {
            let p = Problem(cell, steps, batch, hidden, reverse)
            let (x, w, bias) = (Buffer<T>(p.x), Buffer<T>(p.w), Buffer<T>(p.bias))
            let (h, c) = (Buffer<T>(p.h), Buffer<T>(p.c))
            let label = "\(cell) \(steps) \(batch) \(hidden) \(reverse)"
            let layer = try RecurrentLayer(
              cell, T.dtype, steps: steps, batch: batch, hidden: hidden, reverse: reverse)
            let wanted = p.states()
            let got = sameBitsForAnyThreads(label) {
              let out = Buffer<T>(count: wanted.count)
              layer.run(
                .init(x: x.pointer, w: w.pointer, bias: bias.pointer, hidden: h.pointer, carry: c.pointer),
                out.pointer)
              return out.values
            }
            expectClose(T.self, got, wanted, units: 64, label)
          }
        }
      }
    }
    for type in scalarTypes { XCTAssertNoThrow(try check(type)) }
  }

  /// Gradients of all inputs, and their tangents, do not depend on the threads.
  func testDerivativesHaveTheSameBitsForAnyThreads() throws {
    for cell in [RecurrentLayer.Cell.lstm, .gru] {
      let p = Problem(cell, 30, 16, 40, false)
      let (x, w, bias) = (Buffer<Float>(p.x), Buffer<Float>(p.w), Buffer<Float>(p.bias))
      let (h, c) = (Buffer<Float>(p.h), Buffer<Float>(p.c))
      let inputs = RecurrentLayer.Inputs(
        x: x.pointer, w: w.pointer, bias: bias.pointer, hidden: h.pointer, carry: c.pointer)
      let layer = try RecurrentLayer(cell, .float32, steps: 30, batch: 16, hidden: 40, reverse: false)
      let out = Buffer<Float>(count: p.states().count)
      sameBitsForAnyThreads("\(cell)") {
        layer.run(inputs, out.pointer)
        let (gw, dgw) = (Buffer<Float>(count: p.w.count), Buffer<Float>(count: p.w.count))
        do {
          try layer.pull(inputs, out.pointer, out.pointer)
          layer.addWeightGradient(layer.gradientOfSums.h, out.pointer, inputs.hidden, gw.pointer, false)
          _ = try layer.push(1, inputs, out.pointer) { _ in inputs }
          try layer.pullTangents(1, inputs, out.pointer, out.pointer, moving: true) { _ in inputs }
          layer.addWeightGradientTangent(
            0, inputs, out.pointer, moving: true, { _ in inputs }, dgw.pointer, false)
        } catch { XCTFail("\(error)") }
        return gw.values + dgw.values
      }
    }
  }
}
