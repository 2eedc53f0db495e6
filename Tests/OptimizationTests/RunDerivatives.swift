import Kernels
import TestSupport
import Vocabulary
import XCTest

@testable import Optimization

/// A whole run by the loops of a direction: its derivatives by the values of every family in forward and in reverse
/// mode, against central differences.
struct RunDerivatives {
  let rule: RunDirection
  typealias Values = [Hyperparameter: [Double]]
  let steps = 12
  /// Ragged at every vector width.
  private let count = 21

  /// Two windows each, within the bounds of all rules that are here or may come: decays and momenta of SGD may be any.
  let values: Values = [
    .learningRate: [0.05, 0.03], .momentum: [0.7, 0.4], .weightDecay: [0.02, 0.05], .beta2: [0.9, 0.8],
    .epsilon: [0.02, 0.05],
  ]

  init(_ rule: RunDirection) { self.rule = rule }

  var families: [Hyperparameter] {
    Hyperparameter.allCases.filter { $0 == .learningRate || rule.argument(of: $0) != nil }
  }

  func inForce(_ values: Values, _ t: Int) -> Arguments<Double> {
    var now = rule.values
    for (family, list) in values { now[family] = list[list.count * t / steps] }
    return now
  }

  /// One tensor of a run on f = sum c (x^4 / 4 + x^2), whose gradient is c (x^3 + 2x) and whose Hessian is diagonal.
  private final class Run {
    let kernels: RuleKernels
    let scales: [Double]
    let x: Buffer<Double>
    let state: [Buffer<Double>]

    init(_ rule: RunDirection, _ count: Int) {
      kernels = rule.kernels(.float64)
      scales = (0..<count).map { 0.5 + 0.1 * Double($0 % 7) }
      x = Buffer((0..<count).map { 0.9 - 0.17 * Double($0 % 11) })
      state = rule.initialState.map { Buffer([Double](repeating: $0, count: count)) }
    }

    var gradient: Buffer<Double> { Buffer(zip(scales, x.values).map { $0 * ($1 * $1 * $1 + 2 * $1) }) }
    var curvature: [Double] { zip(scales, x.values).map { $0 * (3 * $1 * $1 + 2) } }
    func slot(_ k: Int, of vectors: [Buffer<Double>]) -> UnsafeMutableRawPointer {
      (k < vectors.count ? vectors[k] : x).pointer
    }

    func vectors(_ gradient: Buffer<Double>) -> StepVectors {
      StepVectors(
        parameter: x.pointer, gradient: gradient.pointer, state0: slot(0, of: state),
        state1: slot(1, of: state), count: x.count, clipGradient: .infinity, clipProduct: .infinity)
    }

    func step(_ hyper: HyperValues, rate: Double) {
      let (s0, s1) = (slot(0, of: state), slot(1, of: state))
      let g = gradient
      let vectors = RuleVectors(
        parameter: x.pointer, gradient: g.pointer, state0: s0, state1: s1, newState0: s0, newState1: s1,
        count: x.count)
      takeSteps([RulePart(kernels, vectors, hyper)], rates: [rate])
    }

    /// What is differentiated: sum of x^2 / 2 at the end.
    var loss: Double { 0.5 * dot(x.values, x.values) }
  }

  private func loss(_ values: Values) -> Double {
    let run = Run(rule, count)
    for t in 0..<steps {
      let now = inForce(values, t)
      run.step(rule.hyper(now, t + 1), rate: now[.learningRate])
    }
    return run.loss
  }

  private func forward(_ family: Hyperparameter, _ window: Int) -> Double {
    let run = Run(rule, count)
    let zeros = [Double](repeating: 0, count: count)
    let (z, moved) = (Buffer<Double>(zeros), run.state.map { _ in Buffer<Double>(zeros) })
    for t in 0..<steps {
      let now = inForce(values, t)
      let g = run.gradient
      let product = Buffer<Double>(zip(run.curvature, z.values).map(*))
      var column = TangentColumn(
        parameter: z.pointer, state0: run.slot(0, of: moved), state1: run.slot(1, of: moved),
        product: product.pointer,
        constants: rule.constants(now, t + 1, by: 2 * t / steps == window ? family : nil))
      withUnsafePointer(to: &column) {
        run.kernels.tangents.advance(run.vectors(g), UnsafeBufferPointer(start: $0, count: 1))
      }
      run.step(rule.hyper(now, t + 1), rate: now[.learningRate])
    }
    return dot(run.x.values, z.values)
  }

  private func reverse() -> Values {
    let run = Run(rule, count)
    var points: [(x: [Double], state: [[Double]])] = []
    for t in 0..<steps {
      points.append((run.x.values, run.state.map(\.values)))
      let now = inForce(values, t)
      run.step(rule.hyper(now, t + 1), rate: now[.learningRate])
    }
    let zeros = [Double](repeating: 0, count: count)
    var adjoint = run.x.values
    let stateAdjoint = run.state.map { _ in Buffer<Double>(zeros) }
    var found: Values = Dictionary(uniqueKeysWithValues: families.map { ($0, [0, 0]) })
    for t in (0..<steps).reversed() {
      let before = Run(rule, count)
      before.x.fill(points[t].x)
      for (buffer, old) in zip(before.state, points[t].state) { buffer.fill(old) }
      let (ax, ag, g) = (Buffer<Double>(adjoint), Buffer<Double>(zeros), before.gradient)
      let now = inForce(values, t)
      var sums = [Double](repeating: 0, count: families.count)
      let vectors = AdjointVectors(
        parameter: ax.pointer, state0: run.slot(0, of: stateAdjoint), state1: run.slot(1, of: stateAdjoint),
        gradient: ag.pointer)
      run.kernels.adjoints.retreat(
        before.vectors(g), vectors, rule.constants(now, t + 1, by: nil),
        families.map { rule.constants(now, t + 1, by: $0) }, &sums)
      adjoint = zip(ax.values, zip(before.curvature, ag.values)).map { $0 + $1.0 * $1.1 }
      for (family, sum) in zip(families, sums) { found[family]![2 * t / steps] += sum }
    }
    return found
  }

  func check() {
    let backwards = reverse()
    for family in families {
      for window in [0, 1] {
        let exact = forward(family, window)
        func shifted(_ by: Double) -> Double {
          var moved = values
          moved[family]![window] += by
          return loss(moved)
        }
        let step = 1e-6
        let difference = (shifted(step) - shifted(-step)) / (2 * step)
        let label = "\(rule.name) \(family) \(window)"
        XCTAssertEqual(exact, difference, accuracy: 1e-8 * max(1, abs(difference)), label)
        XCTAssertEqual(exact, backwards[family]![window], accuracy: 1e-12 * max(1, abs(exact)), label)
        XCTAssertNotEqual(exact, 0, label)
      }
    }
  }
}
