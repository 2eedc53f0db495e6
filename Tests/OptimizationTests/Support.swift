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
