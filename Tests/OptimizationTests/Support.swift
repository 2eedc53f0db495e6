import Kernels
import TestSupport
import Vocabulary
import XCTest

@testable import Optimization

/// One parameter with the vectors of a direction.
final class Parameter<T: Scalar> {
  let theta: Buffer<T>
  var state: [Buffer<T>]
  private let direction: any Direction
  private let kernels: RuleKernels
  private var steps = 0

  init(_ direction: any Direction, _ theta: [Double]) {
    self.direction = direction
    kernels = direction.kernels(T.dtype)
    self.theta = Buffer(theta)
    state = direction.initialState.map { Buffer([Double](repeating: $0, count: theta.count)) }
  }

  private func vectors(_ gradient: Buffer<T>, _ target: [Buffer<T>]) -> RuleVectors {
    let none = theta.pointer
    return RuleVectors(
      parameter: theta.pointer, gradient: gradient.pointer, state0: state.first?.pointer ?? none,
      state1: state.count > 1 ? state[1].pointer : none, newState0: target.first?.pointer ?? none,
      newState1: target.count > 1 ? target[1].pointer : none, count: theta.count)
  }

  /// The whole step in one pass.
  func step(_ gradient: [Double], rate: Double) {
    steps += 1
    let g = Buffer<T>(gradient)
    takeSteps([RulePart(kernels, vectors(g, state), direction.hyper(steps))], rates: [rate])
  }

  /// The direction alone; the state moves on, into vectors of its own if `aside`.
  func direct(_ gradient: [Double], aside: Bool) -> (d: Buffer<T>, sums: DirectionSums) {
    steps += 1
    let (g, d) = (Buffer<T>(gradient), Buffer<T>(count: theta.count))
    let target = aside ? state.map { Buffer<T>(count: $0.count) } : state
    let before = state.map(\.values)
    let part = RulePart(kernels, vectors(g, target), direction.hyper(steps))
    let sums = findDirections([part], into: [d.pointer])[0]
    if aside { XCTAssertEqual(state.map(\.values), before) }
    state = target
    return (d, sums)
  }

  /// The same step in two passes.
  func stepInTwo(_ gradient: [Double], rate: Double, aside: Bool) -> DirectionSums {
    let (d, sums) = direct(gradient, aside: aside)
    addScaled(T.self, theta.pointer, d.pointer, -rate, theta.pointer, theta.count)
    return sums
  }
}

/// The rules that the directions of the catalogue follow, with every set of arguments that they are tested with.
func everyRule() throws -> [any UpdateRule.Type] {
  var found: [any UpdateRule.Type] = []
  for reference in Reference.all {
    let rule = try makeDirection(reference.name, reference.arguments).kernels(.float64).rule
    if !found.contains(where: { $0 == rule }) { found.append(rule) }
  }
  return found
}

func makeDirection(_ name: String, _ arguments: [String: Double]) throws -> any Direction {
  let type = try DirectionCatalogue.find(name)
  return try type.init(type.card.read(Attributes(name, numbers: arguments)))
}

/// Twenty steps of a direction in one pass and in two, beside its reference in double precision.
func checkAgainstPlainLoops<T: Scalar>(
  _: T.Type, _ direction: any Direction, _ reference: Reference, _ n: Int
) {
  // 1 - 0.999 has five digits in single precision, and Adam divides by its root.
  let tolerance = T.dtype == .float32 ? 2e-5 : 1e-12
  let label = "\(T.self) \(reference.name) \(reference.arguments) \(n)"
  var numbers = Numbers(seed: UInt64(n))
  let start = numbers.array(n)
  let rate = 0.05
  let fused = Parameter<T>(direction, start)
  let inTwo = Parameter<T>(direction, start)
  let rules = start.map { _ in reference.make() }
  var theta = start
  for t in 1...20 {
    let g = numbers.array(n)
    let wanted = zip(rules, zip(g, theta)).map { $0(t, $1.0, $1.1) }
    theta = zip(theta, wanted).map { $0 - rate * $1.d }
    fused.step(g, rate: rate)
    let sums = inTwo.stepInTwo(g, rate: rate, aside: t % 2 == 0)
    let slope = dot(g, wanted.map(\.d))
    let smoothed = dot(wanted.map(\.smoothed), wanted.map(\.d))
    let scale = Double(n) * max(1, wanted.map { abs($0.d) }.max() ?? 0)
    XCTAssertEqual(sums.slope, slope, accuracy: 10 * tolerance * scale, "slope of \(label) at \(t)")
    XCTAssertEqual(sums.smoothedSlope, smoothed, accuracy: 10 * tolerance * scale, "smoothed, \(label)")
    for values in [fused.theta.values, inTwo.theta.values] {
      for (got, wanted) in zip(values, theta) {
        XCTAssertEqual(got, wanted, accuracy: 10 * tolerance * max(1, abs(wanted)), "\(label) at \(t)")
      }
    }
  }
}
