import Adaptation
import Autodiff
import Kernels
import Optimization
import TestSupport
import Vocabulary
import XCTest

@testable import Training

extension Tensor {
  var bytes: [UInt8] { (0..<byteCount).map { pointer.load(fromByteOffset: $0, as: UInt8.self) } }
}

/// f = sum of h x^2 / 2 over two tensors, with loss and gradients written out.
final class Quadratic {
  let curvatures = [[1.0, 4.0, 10.0], [2.0, 0.5]]
  let tensors: [Tensor]
  let names = ["a", "b"]

  init(_ dtype: DType = .float64, scaledBy factor: Double = 1) {
    tensors = [[1.0, -2.0, 0.5], [-1.5, 3.0]].map { x in
      Tensor([x.count], x.map { factor * $0 }, dtype, requiresGrad: true)
    }
  }

  var values: [[Double]] { tensors.map(\.values) }
  var bytes: [[UInt8]] { tensors.map(\.bytes) }

  static func loss(_ h: [[Double]], _ x: [[Double]]) -> Double {
    var total = 0.0
    for (h, x) in zip(h, x) { for (h, x) in zip(h, x) { total += 0.5 * h * x * x } }
    return total
  }

  var loss: Double { Self.loss(curvatures, values) }
  var gradients: [[Double]] { zip(curvatures, values).map { zip($0, $1).map(*) } }

  /// The loss as a tensor with a graph, for those who ask for its curvature.
  func lossTensor() throws -> Tensor {
    let parts = try zip(curvatures, tensors).map { h, x in
      try apply("sum", [apply("mul", [apply("square", [x]), Tensor([h.count], h, x.dtype)])])
    }
    return try apply("affine", [apply("add", parts)], ["scale": .numbers([0.5])])
  }

  func fillGradients() {
    for (tensor, g) in zip(tensors, gradients) { tensor.grad = Tensor([g.count], g, tensor.dtype) }
  }

  /// A whole step: every request is answered.
  @discardableResult
  func step(_ optimizer: Optimizer) throws -> Optimizer.Request {
    fillGradients()
    var request = try optimizer.begin(loss: loss, mayProbe: true)
    while request.kind != .done {
      if request.kind == .curvature {
        request = try optimizer.answer(curvatureOf: lossTensor())
        continue
      }
      if request.kind != .loss { fillGradients() }
      request = try optimizer.answer(loss: loss)
    }
    return request
  }
}

/// Arguments that a method cannot do without.
func required(_ card: Card) -> [String: Double] {
  let known = ["rate": 0.05, "meta_lr": 1e-4]
  var values: [String: Double] = card.arguments.reduce(into: [:]) { values, argument in
    if argument.default == nil { values[argument.name] = known[argument.name] ?? 1 }
  }
  // has no rate before a search otherwise
  if card.name == PeriodicALRS.card.name { values["initial"] = 0.05 }
  // a run as long as any here, and without a search, of which there are tests of its own
  if card.name == Auto.card.name { values.merge(["steps": 1000, "search": 0]) { $1 } }
  return values
}

func makeOptimizer(
  _ direction: String = "sgd", _ directionArguments: [String: Double] = [:], rate: String = "constant",
  _ rateArguments: [String: Double] = [:]
) throws -> Optimizer {
  var arguments = required(try RateCatalogue.find(rate).card)
  arguments.merge(rateArguments) { $1 }
  return try Optimizer(
    direction: direction, Attributes(direction, numbers: directionArguments), rate: rate,
    Attributes(rate, numbers: arguments))
}

func makeOptimizer(
  for problem: Quadratic, _ direction: String = "sgd", _ directionArguments: [String: Double] = [:],
  rate: String = "constant", _ rateArguments: [String: Double] = [:]
) throws -> Optimizer {
  let optimizer = try makeOptimizer(direction, directionArguments, rate: rate, rateArguments)
  try optimizer.addGroup(problem.tensors, names: problem.names, Attributes("group"))
  return optimizer
}

/// The methods that go with a direction.
func machines(for direction: String) -> [any RateMachine.Type] {
  RateCatalogue.machines.filter { type in
    (type as? any WholeMachine.Type)?.directions.contains(direction) ?? true
  }
}

extension Optimizer {
  /// Names and bytes of all that a resumed run needs.
  var stateBytes: [String: [UInt8]] {
    Dictionary(uniqueKeysWithValues: try! state.map { ($0.name, $0.value.bytes) })
  }
}

func makeSlot(
  _ tensor: Tensor, _ direction: String = "sgd", _ arguments: [String: Double] = [:],
  remembers: Set<Memory> = []
) -> ParameterSlot {
  let made = try! DirectionCatalogue.make(
    DirectionCatalogue.find(direction), Attributes(direction, numbers: arguments))
  return try! ParameterSlot(tensor, "w", 0, 0, made, remembers: remembers)
}

// MARK: - Descent in plain loops

/// Plain descent with momentum and coupled decay; `rate` sees the step as a method does.
func plain(
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

/// The rates of `plain`, taken by an optimizer.
func expectRates(
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
