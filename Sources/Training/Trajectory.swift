import Autodiff
import Kernels
import Optimization
import Vocabulary

/// Reverse mode: the points of a run, kept to go back over, and the adjoints on the way.
final class Trajectory {
  private struct Point {
    let vectors: [Storage]
    let stream: UInt64

    /// Parameters first, then the state of each. stream: of the random numbers that the step drew.
    init(_ parameters: [Tensor], _ state: [[Storage]], _ stream: UInt64) throws {
      vectors = try parameters.map { try $0.storage.copy() } + state.joined().map { try $0.copy() }
      self.stream = stream
    }

    func restore(_ parameters: [Tensor], _ state: [[Storage]]) {
      for (target, source) in zip(parameters.map(\.storage) + state.joined(), vectors) {
        target.copyContents(from: source)
      }
    }
  }

  private let kernels: AdjointKernels
  private var points: [Point] = []
  /// Where the horizon ended, once the way back has begun, and the number of its first step.
  private var end: Point?
  private var first = 0
  /// By parameter.
  private let adjoint: [Storage]
  private let stateAdjoint: [[Storage]]
  private let gradientAdjoint: [Storage]
  private let products: [Storage]

  init(_ parameters: [Tensor], slots: Int, _ kernels: AdjointKernels) throws {
    self.kernels = kernels
    adjoint = try parameters.map { try Storage(zeroed: $0.byteCount) }
    stateAdjoint = try parameters.map { p in try (0..<slots).map { _ in try Storage(zeroed: p.byteCount) } }
    gradientAdjoint = try parameters.map { try Storage(zeroed: $0.byteCount) }
    products = try parameters.map { try Storage(zeroed: $0.byteCount) }
  }

  var isReturning: Bool { end != nil }
  var length: Int { points.count }

  /// The point that a step is about to leave.
  func keep(_ parameters: [Tensor], _ state: [[Storage]], _ stream: UInt64) throws {
    points.append(try Point(parameters, state, stream))
  }

  /// The end of a horizon: the way back begins with the gradient there.
  func seed(_ episode: Episode, _ gradient: [Storage]) throws {
    guard !points.isEmpty else { return }
    end = try Point(episode.parameters, episode.state, Context.stream)
    first = episode.step - points.count
    for (target, source) in zip(adjoint, gradient) { target.copyContents(from: source) }
    for state in stateAdjoint.joined() { state.zero() }
  }

  /// Back over the step before, whose batch is loaded. Returns its loss.
  func retreat(_ episode: Episode, _ placement: Episode.Placement) throws -> Double {
    let point = points.removeLast()
    let t = first + points.count
    point.restore(episode.parameters, episode.state)
    Context.stream = point.stream
    let loss = try episode.evaluate(placement.program)
    let families = Array(episode.values.keys)
    var sums = (0..<episode.layerCount).map { _ in [Double](repeating: 0, count: families.count) }
    for case let index? in placement.parameter where episode.parameters[index].grad != nil {
      let adjoint = adjoint[index]
      let (s0, s1) = pointers(stateAdjoint[index], else: adjoint)
      let vectors = AdjointVectors(
        parameter: adjoint.pointer, state0: s0, state1: s1, gradient: gradientAdjoint[index].pointer)
      let now = episode.valuesInForce(t, index)
      let constants = { episode.rule.constants(now, t + 1, by: $0) }
      kernels.retreat(
        episode.vectors(index), vectors, constants(nil), families.map(constants),
        &sums[episode.layer(index)])
    }
    // The curvature is symmetric: what the gradient's adjoint says about the parameters is its product with it.
    try placement.replay!.multiply(
      1, placement.parameter.map { $0.map { gradientAdjoint[$0] } },
      into: placement.parameter.map { $0.map { products[$0] } })
    for case let index? in placement.parameter {
      let (p, sum) = (episode.parameters[index], adjoint[index].pointer)
      addScaled(p.dtype.scalar, sum, products[index].pointer, 1, sum, p.count)
    }
    for (number, column) in episode.columns.enumerated()
    where episode.window(column.hyperparameter, t) == column.window {
      for (layer, sum) in sums.enumerated() where column.layer == nil || column.layer == layer {
        episode.hypergradients[number] += sum[families.firstIndex(of: column.hyperparameter)!]
      }
    }
    if points.isEmpty {
      end!.restore(episode.parameters, episode.state)
      Context.stream = end!.stream
      end = nil
    }
    return loss
  }
}

extension Episode {
  /// Goes back over as many steps as there are batches, which are those of the run in reverse order.
  public func retreat(
    _ program: Program, _ batches: Batches, done: inout Int, losses: UnsafeMutablePointer<Double>
  ) throws {
    guard let trajectory, trajectory.isReturning, trajectory.length >= batches.steps else {
      throw Failure.value(
        "there are \(trajectory?.length ?? 0) steps to go back over; reverse mode, after collect, as many as were taken"
      )
    }
    let placement = try placement(program, differentiated: true)
    try batches.run(program, touching: parameters, done: &done) { i in
      losses[i] = try trajectory.retreat(self, placement)
      return true
    }
  }
}
