import Kernels
import Vocabulary
import XCTest

@testable import Optimization

/// A small generator of its own, so that every run tests the same numbers.
struct Numbers {
  private var state: UInt64

  init(seed: UInt64) { state = seed &* 0x9E37_79B9_7F4A_7C15 | 1 }

  /// Uniform in [-1, 1), and exact in single precision.
  mutating func next() -> Double {
    state ^= state << 13
    state ^= state >> 7
    state ^= state << 17
    return Double(Float(Double(state >> 11) / Double(1 << 52) - 1))
  }

  mutating func array(_ count: Int) -> [Double] { (0..<count).map { _ in next() } }
}

let scalarTypes: [any Scalar.Type] = [Float.self, Double.self]
let tailCounts = [1, 15, 16, 17, 33]

func dot(_ a: [Double], _ b: [Double]) -> Double { zip(a, b).reduce(0) { $0 + $1.0 * $1.1 } }

/// Elements of T, written and read as doubles, with room behind that no kernel may touch.
final class Buffer<T: Scalar> {
  private static var margin: Int { 16 }
  private let storage: Storage
  let count: Int

  init(_ values: [Double]) {
    count = values.count
    storage = Storage(byteCount: (values.count + Self.margin) * MemoryLayout<T>.stride)
    for (i, value) in (values + [Double](repeating: -12345, count: Self.margin)).enumerated() {
      elements[i] = T(value)
    }
  }

  func fill(_ values: [Double]) { for (i, value) in values.enumerated() { elements[i] = T(value) } }

  convenience init(count: Int) { self.init([Double](repeating: .nan, count: count)) }

  var pointer: UnsafeMutableRawPointer { storage.pointer }
  private var elements: UnsafeMutablePointer<T> { pointer.assumingMemoryBound(to: T.self) }

  var values: [Double] {
    for i in 0..<Self.margin { XCTAssertEqual(elements[count + i], -12345, "written past the buffer") }
    return (0..<count).map { Double(elements[$0]) }
  }
}

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
