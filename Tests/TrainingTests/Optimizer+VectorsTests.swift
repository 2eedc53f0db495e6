import Adaptation
import Autodiff
import Vocabulary
import XCTest

@testable import Training

/// What an optimizer remembers of past steps, against plain loops.
final class OptimizerVectorsTests: XCTestCase {
  /// TLR as its card has it, with d the momentum direction: over a window the accumulated gradient is the way gone,
  /// divided by the rate; a window of one step takes the gradient itself.
  private func plainRates(_ problem: Quadratic, momentum: Double, window: Int, steps: Int) -> [Double] {
    let h = Array(problem.curvatures.joined())
    var x = Array(problem.values.joined())
    var (v, start) = (x.map { _ in 0.0 }, x)
    var (rate, before) = (0.01, [Double]?.none)
    return (0..<steps).map { step in
      let g = zip(h, x).map(*)
      if step % window == 0 {
        let now = window == 1 ? g : zip(start, x).map { ($0 - $1) / rate }
        if window == 1 || step > 0 {
          let inner = before.map { dot($0, now) } ?? 0
          let q = max(4 * (dot(now, now) - inner), inner / 0.25)
          if q != 0 { rate *= 1 + inner / q }
          before = now
        }
        start = x
      }
      v = zip(v, g).map { momentum * $0 + $1 }
      x = zip(x, v).map { $0 - rate * $1 }
      return rate
    }
  }

  func testRatesFollowTheCard() throws {
    for window in [1, 2, 3, 5] {
      for momentum in [0, 0.5] {
        let problem = Quadratic()
        let wanted = plainRates(problem, momentum: momentum, window: window, steps: 20)
        let optimizer = try makeOptimizer(
          for: problem, "sgd", ["momentum": momentum], rate: "tlr", ["window_steps": Double(window)])
        for (step, rate) in wanted.enumerated() {
          XCTAssertEqual(
            try problem.step(optimizer).rate, rate, accuracy: 1e-11, "window \(window), step \(step)")
        }
        XCTAssertNotEqual(wanted.last, 0.01)
      }
    }
  }

  func testAFractionOfAnEpoch() throws {
    let (whole, part) = (Quadratic(), Quadratic())
    let a = try makeOptimizer(for: whole, rate: "tlr", ["window_steps": 4])
    let b = try makeOptimizer(for: part, rate: "tlr", ["window": 0.3, "steps_per_epoch": 15])
    for _ in 0..<13 { XCTAssertEqual(try whole.step(a).rate, try part.step(b).rate) }
    XCTAssertEqual(whole.bytes, part.bytes)
  }

  func testAnEpochOfUnknownLengthIsAnError() throws {
    for rate in ["tlr", "ntlr"] {
      let problem = Quadratic()
      let optimizer = try makeOptimizer(for: problem, rate: rate)
      let (parameters, state) = (problem.bytes, optimizer.stateBytes)
      expectFailure(.value, ["window", "steps_per_epoch"]) { try problem.step(optimizer) }
      XCTAssertEqual(problem.bytes, parameters)
      XCTAssertEqual(optimizer.stateBytes, state)
      try optimizer.setProperty("steps_per_epoch", 6)
      try problem.step(optimizer)
    }
  }

  /// A rate per tensor is the same as an optimizer per tensor; a rate per group likewise.
  func testScopes() throws {
    for rate in ["tlr", "ntlr", "l4"] {
      let arguments = rate == "l4" ? [:] : ["window_steps": 2.0]
      let together = Quadratic()
      let alone = Quadratic()
      let grouped = Quadratic()
      let perTensor = try makeOptimizer(for: together, rate: rate, arguments.merging(["scope": 2]) { $1 })
      let perGroup = try makeOptimizer(rate: rate, arguments.merging(["scope": 1]) { $1 })
      var single: [Optimizer] = []
      for i in 0..<2 {
        let optimizer = try makeOptimizer(rate: rate, arguments)
        try optimizer.addGroup([alone.tensors[i]], names: ["x"], Attributes("group"))
        single.append(optimizer)
        try perGroup.addGroup([grouped.tensors[i]], names: [grouped.names[i]], Attributes("group"))
      }
      for _ in 0..<9 {
        let loss = together.loss
        together.fillGradients()
        alone.fillGradients()
        grouped.fillGradients()
        _ = try perTensor.begin(loss: loss, mayProbe: false)
        _ = try perGroup.begin(loss: loss, mayProbe: false)
        for optimizer in single { _ = try optimizer.begin(loss: loss, mayProbe: false) }
      }
      XCTAssertEqual(together.bytes, alone.bytes, rate)
      XCTAssertEqual(grouped.bytes, alone.bytes, rate)
      XCTAssertEqual(perTensor.rates, single.flatMap(\.rates), rate)
      if rate == "l4" { XCTAssertNotEqual(perTensor.rates[0], perTensor.rates[1]) }
    }
  }

  // MARK: - The step before, and the start

  /// Plain descent with momentum and coupled decay; `rate` sees the step as a method does.
  private func plain(
    _ problem: Quadratic, steps: Int,
    rate: (_ g: [Double], _ x: [Double], _ before: (g: [Double], d: [Double], rate: Double)?) -> Double
  ) -> [Double] {
    let h = Array(problem.curvatures.joined())
    var x = Array(problem.values.joined())
    var v = x.map { _ in 0.0 }
    var before: (g: [Double], d: [Double], rate: Double)?
    return (0..<steps).map { step in
      let g = zip(h, x).map(*)
      let taken = rate(g, x, before)
      let decayed = zip(g, x).map { $0 + 0.1 * $1 }
      v = step == 0 ? decayed : zip(v, decayed).map { 0.5 * $0 + $1 }
      before = (g, v, taken)
      x = zip(x, v).map { $0 - taken * $1 }
      return taken
    }
  }

  private func expectRates(
    _ name: String, _ arguments: [String: Double], _ wanted: [Double], _ problem: Quadratic,
    line: UInt = #line
  ) throws {
    let optimizer = try makeOptimizer(
      for: problem, "sgd", ["momentum": 0.5, "weight_decay": 0.1], rate: name, arguments)
    for (step, rate) in wanted.enumerated() {
      let got = try problem.step(optimizer).rate
      XCTAssertEqual(got, rate, accuracy: 1e-9 * max(1, abs(rate)), "\(name), step \(step)", line: line)
    }
  }

  /// s = theta - theta', y = g - g': s's / s'y where that is positive.
  func testBarzilaiBorweinSeesTheStepBefore() throws {
    let problem = Quadratic()
    var last = 0.01
    let wanted = plain(problem, steps: 10) { g, _, before in
      guard let before else { return last }
      let s = before.d.map { -before.rate * $0 }
      let y = zip(g, before.g).map(-)
      if dot(s, y) > 0 { last = dot(s, s) / dot(s, y) }
      return last
    }
    try expectRates("barzilai_borwein", [:], wanted, problem)
  }

  /// The hypergradient is -<g + decay theta, d'>.
  func testHypergradientDescentSeesTheStepBefore() throws {
    let problem = Quadratic()
    var last = 0.01
    let wanted = plain(problem, steps: 10) { g, x, before in
      if let before { last += 1e-3 * dot(zip(g, x).map { $0 + 0.1 * $1 }, before.d) }
      return last
    }
    try expectRates("hd", ["meta_lr": 1e-3], wanted, problem)
  }

  /// The largest distance from the start over the root of the summed squared gradients.
  func testDoGMeasuresTheWayFromTheStart() throws {
    let problem = Quadratic()
    let start = Array(problem.values.joined())
    var (distance, sum) = (0.01 * (1 + dot(start, start).squareRoot()), 0.0)
    let wanted = plain(problem, steps: 12) { g, x, _ in
      let way = zip(x, start).map(-)
      distance = max(distance, dot(way, way).squareRoot())
      sum += dot(g, g)
      return distance / (sum + 1e-8).squareRoot()
    }
    try expectRates("dog", ["initial": 0.01], wanted, problem)
  }

  // MARK: - Clipping

  func testClippingByNormAndByValue() throws {
    for (arguments, direct) in [
      (["clip_norm": 2.0], { (g: [Double]) in g.map { $0 * min(1, 2 / (dot(g, g).squareRoot() + 1e-6)) } }),
      (["clip_value": 1.5], { (g: [Double]) in g.map { max(min($0, 1.5), -1.5) } }),
      (["clip_norm": 1e6, "clip_value": 1e6], { $0 }),
    ] {
      for rate in ["constant", "l4"] {
        let problem = Quadratic()
        let optimizer = try makeOptimizer(for: problem, "sgd", arguments, rate: rate)
        let (x, g) = (Array(problem.values.joined()), direct(Array(problem.gradients.joined())))
        let taken = try problem.step(optimizer).rate
        for (got, wanted) in zip(problem.values.joined(), zip(x, g).map { $0 - taken * $1 }) {
          XCTAssertEqual(got, wanted, accuracy: 1e-13, "\(arguments) \(rate)")
        }
      }
    }
    for name in ["clip_norm", "clip_value"] {
      for value in [0, -1, Double.nan] {
        expectFailure(.value, [name]) { try makeOptimizer("sgd", [name: value]) }
      }
    }
  }
}
