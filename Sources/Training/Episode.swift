import Autodiff
import Kernels
import Optimization
import Vocabulary

/// A training run that is differentiated with respect to its own hyperparameters, each constant over windows of steps:
/// of n values of one, step t of T (counted from 0) uses the one numbered floor(n t / T). Learning rates may be those of
/// one layer each.
///
/// Forward mode carries a tangent of parameters and state for every value that has been used (`TangentColumns`), in
/// memory that does not depend on T. Reverse mode keeps snapshots and goes back from one to the other (`Trajectory`). Either way
/// the step itself is the update rule on dual numbers and the Hessian-vector product of the recorded loss; the derived
/// recursions are those of FDS (Micaelli and Storkey 2021, equation 4) for SGD.
public final class Episode {
  public enum Mode: String, CaseIterable {
    case forward
    case reverse
    /// Training alone, without derivatives.
    case plain
    /// Forward or reverse, whichever is predicted to cost less.
    case auto
  }

  /// What a run is differentiated by.
  enum Source: Hashable {
    case family(Hyperparameter)
    /// A number that the training loss reads.
    case scalar(Int)
  }

  /// One value of one of them.
  struct Column {
    let source: Source
    let window: Int
    /// Nil: of all.
    let layer: Int?
  }

  let parameters: [Tensor]
  let scalars: [Tensor]
  private let scalarValues: [[Double]]
  let rule: RunDirection
  /// Steps of the whole run, and those taken.
  let steps: Int
  var step = 0
  let clipGradient: Double
  let clipProduct: Double
  private let curvature: TangentReplay.Curvature
  /// By parameter; zeros where layers share their rates.
  private let layers: [Int]
  let layerCount: Int
  let values: [Hyperparameter: [Double]]
  let columns: [Column]
  /// By column.
  let isTracked: [Bool]
  /// The number of the first column.
  private let firstColumns: [Source: Int]
  private let windowCounts: [Source: Int]
  /// Forward, reverse or plain.
  public let mode: Mode
  /// Of a step, in plain steps, as predicted.
  public let cost: Double
  /// Steps that reverse mode takes a second time or more.
  public let replays: Int
  let kernels: RuleKernels
  var state: [[Storage]]
  private(set) var validation: ValidationGradient
  /// By column, over all horizons so far.
  public internal(set) var hypergradients: [Double]
  /// By parameter, the derivative by a factor on its values at the start of the run; of reverse mode.
  public internal(set) var scales: [Double]
  let tangents: TangentColumns?
  let trajectory: Trajectory?
  private var placements: [ObjectIdentifier: Placement] = [:]
  private let width: Int

  /// Where the parameters are among the leaves of a program that has been used.
  final class Placement {
    let program: Program
    /// By leaf; nil where it is not trained.
    let parameter: [Int?]
    /// By leaf, as which scalar it is read.
    let scalar: [Int?]
    let replay: TangentReplay?

    init(
      _ program: Program, _ parameters: [Tensor], _ scalars: [Tensor], width: Int,
      _ curvature: TangentReplay.Curvature
    ) throws {
      self.program = program
      scalar = program.leaves.map { leaf in scalars.firstIndex { $0 === leaf } }
      parameter = program.leaves.map { leaf in parameters.firstIndex { $0 === leaf } }
      replay = width > 0 ? try TangentReplay(program, width: width, curvature) : nil
    }
  }

  public init(_ parameters: [Tensor], _ attributes: Attributes) throws {
    let settings = try EpisodeSettings(attributes)
    try EpisodeSettings.check(parameters)
    scalarValues = settings.scalars
    guard parameters.count > scalarValues.count else {
      throw Failure.value("there are no parameters to train")
    }
    scalars = Array(parameters.suffix(scalarValues.count))
    let parameters = Array(parameters.dropLast(scalarValues.count))
    if let bad = scalars.first(where: { $0.count != 1 }) {
      throw Failure.shape("a scalar must have one element, got shape \(describe(bad.shape))")
    }
    self.parameters = parameters
    (rule, steps, values) = (settings.rule, settings.steps, settings.values)
    (clipGradient, clipProduct) = (settings.clipGradient, settings.clipProduct)
    try settings.checkLayers(parameters)
    curvature = settings.curvature
    layers = settings.layers ?? parameters.map { _ in 0 }
    layerCount = layers.max()! + 1
    columns = settings.columns
    isTracked = columns.indices.map(Set(settings.tracked).contains)
    firstColumns = settings.firstColumns
    windowCounts = Dictionary(
      firstColumns.keys.map { ($0, settings.windows($0)) }, uniquingKeysWith: { first, _ in first })
    let dtype = parameters[0].dtype
    kernels = rule.kernels(dtype)
    let slots = rule.slots
    let prediction = try EpisodeCost(settings, parameters).chosen
    (mode, cost, replays) = (prediction.mode, prediction.cost, prediction.replays)
    try settings.checkRoom(parameters, mode)
    let initial = rule.initialState
    state = try parameters.map { p in
      try initial.map { value in
        let vector = try Storage(byteCount: p.byteCount)
        fill(dtype.scalar, vector.pointer, p.count, value)
        return vector
      }
    }
    validation = try ValidationGradient(parameters)
    hypergradients = columns.map { _ in 0 }
    scales = parameters.map { _ in .nan }
    width =
      switch mode {
      case .forward: min(settings.tile, settings.tracked.count)
      case .reverse: 1
      case .auto, .plain: 0
      }
    tangents =
      mode == .forward
      ? try TangentColumns(
        parameters, scalars: scalars, slots: slots, tracked: settings.tracked, width: width, kernels.tangents)
      : nil
    let (length, read, adjoints) = (steps, scalars, kernels.adjoints)
    trajectory = try prediction.plan.map {
      try Trajectory(
        parameters, scalars: read, slots: slots, $0, steps: length, horizon: settings.horizon, adjoints)
    }
  }

  func placement(_ program: Program, differentiated: Bool) throws -> Placement {
    let key = ObjectIdentifier(program)
    if let known = placements[key], known.replay != nil || !differentiated { return known }
    let made = try Placement(program, parameters, scalars, width: differentiated ? width : 0, curvature)
    placements[key] = made
    return made
  }

  private func windows(_ source: Source) -> Int { windowCounts[source]! }

  /// The layer of the i-th parameter, where layers have rates of their own, else 0.
  func layer(_ i: Int) -> Int { layers[i] }

  func window(_ source: Source, _ t: Int) -> Int { windows(source) * t / steps }

  func isInForce(_ column: Column, _ t: Int) -> Bool { window(column.source, t) == column.window }

  /// The number of the column in force at step t, where layers differ in that of this layer.
  func number(_ source: Source, _ layer: Int, _ t: Int) -> Int {
    let row = source == .family(.learningRate) ? layer * windows(source) : 0
    return firstColumns[source]! + row + window(source, t)
  }

  /// The hyperparameters of step t, counted from 0, of the i-th parameter.
  func valuesInForce(_ t: Int, _ i: Int) -> Arguments<Double> {
    var now = rule.values
    for (hyperparameter, list) in values {
      let source = Source.family(hyperparameter)
      let first = hyperparameter == .learningRate ? layers[i] * windows(source) : 0
      now[hyperparameter] = list[first + window(source, t)]
    }
    return now
  }

  /// Trains on batches. `done` counts whole steps also when an error is thrown.
  public func train(
    _ program: Program, _ batches: Batches, done: inout Int, losses: UnsafeMutablePointer<Double>
  ) throws {
    guard trajectory?.isReturning != true else {
      throw Failure.value("the run is on its way back; it goes on from where that ends")
    }
    guard step + batches.steps <= steps else {
      throw Failure.value(
        "the run has \(steps) steps, \(step) of them taken: \(batches.steps) more do not fit")
    }
    guard curvature == .hessian || program.outputs.count > 1 else {
      throw Failure.value(
        "curvature 'gauss_newton' needs outputs of the model, which the loss has not called")
    }
    let placement = try placement(program, differentiated: width > 0)
    try batches.run(program, touching: parameters + scalars, done: &done) { i in
      let stream = Context.stream
      losses[i] = try evaluate(program, at: step)
      try trajectory?.keep(self, losses[i], stream)
      try tangents?.advance(self, placement)
      take(placement, at: step)
      step += 1
      return true
    }
  }

  /// The loss of step t and its gradients at the current point.
  func evaluate(_ program: Program, at t: Int) throws -> Double {
    for (i, scalar) in scalars.enumerated() {
      fill(scalar.dtype.scalar, scalar.pointer, 1, scalarValues[i][window(.scalar(i), t)])
    }
    let loss = try program.forward()
    guard loss.isFinite else {
      throw Failure.diverged(
        "the training loss is \(describe(loss)) at step \(t) of \(steps)", step: t)
    }
    try program.backward()
    return loss
  }

  /// Step t itself, after all that reads the point it leaves.
  func take(_ placement: Placement, at t: Int) {
    var (parts, rates): ([RulePart], [Double]) = ([], [])
    for case let (leaf, index?) in zip(placement.program.leaves, placement.parameter) {
      guard let gradient = leaf.grad else { continue }
      if clipGradient.isFinite {
        clip(leaf.dtype.scalar, gradient.pointer, leaf.count, scale: 1, limit: clipGradient)
      }
      let now = valuesInForce(t, index)
      let (s0, s1) = pointers(state[index], else: leaf.storage)
      parts.append(
        RulePart(
          kernels,
          RuleVectors(
            parameter: leaf.pointer, gradient: gradient.pointer, state0: s0, state1: s1, newState0: s0,
            newState1: s1, count: leaf.count), rule.hyper(now, t + 1)))
      rates.append(now[.learningRate])
    }
    takeSteps(parts, rates: rates)
  }

  /// The values before the step, of the i-th parameter.
  func vectors(_ i: Int) -> StepVectors {
    let p = parameters[i]
    let (s0, s1) = pointers(state[i], else: p.storage)
    return StepVectors(
      parameter: p.pointer, gradient: p.grad!.pointer, state0: s0, state1: s1, count: p.count,
      clipGradient: clipGradient, clipProduct: clipProduct)
  }

  /// Adds batches of validation examples to the loss and gradient at the current point.
  public func validate(
    _ program: Program, _ batches: Batches, done: inout Int, losses: UnsafeMutablePointer<Double>
  ) throws {
    let placement = try placement(program, differentiated: false)
    try batches.run(program, touching: parameters, done: &done) { i in
      losses[i] = try program.forward()
      guard losses[i].isFinite else {
        throw Failure.diverged(
          "the validation loss is \(describe(losses[i])) after step \(step) of \(steps)", step: step)
      }
      if width > 0 { try program.backward() }
      validation.add(placement, losses[i], Double(batches.batch), differentiated: width > 0)
      return true
    }
  }

  /// Ends a horizon: adds the validation gradient times the tangents to the hypergradients (in reverse mode, makes the
  /// gradient the adjoint of the horizon's end), and forgets both. Returns the mean validation loss.
  public func collect() throws -> Double {
    guard validation.weight > 0 else { throw Failure.value("no validation batch has been evaluated") }
    let loss = validation.mean(scaling: parameters)
    if let tangents {
      for (slot, column) in tangents.live.enumerated() {
        hypergradients[column] += tangents.innerProduct(slot, validation.gradient)
      }
      tangents.forget()
    }
    try trajectory?.seed(self, validation.gradient)
    validation.reset()
    return loss
  }
}

/// Of two state vectors. Where a rule has fewer they lead anywhere: its loops touch none of those.
func pointers(_ state: [Storage], else other: Storage) -> (UnsafeMutableRawPointer, UnsafeMutableRawPointer) {
  ((state.first ?? other).pointer, (state.last ?? other).pointer)
}

/// The example-weighted mean of a loss and of its gradient.
struct ValidationGradient {
  private(set) var gradient: [Storage]
  private(set) var weight = 0.0
  private var loss = 0.0

  init(_ parameters: [Tensor]) throws { gradient = try parameters.map { try Storage(zeroed: $0.byteCount) } }

  mutating func add(_ placement: Episode.Placement, _ loss: Double, _ weight: Double, differentiated: Bool) {
    self.loss += weight * loss
    self.weight += weight
    guard differentiated else { return }
    for case let (leaf, index?) in zip(placement.program.leaves, placement.parameter) {
      guard let grad = leaf.grad else { continue }
      let sum = gradient[index].pointer
      addScaled(leaf.dtype.scalar, sum, grad.pointer, weight, sum, leaf.count)
    }
  }

  /// The mean loss; the gradient becomes its mean as well.
  mutating func mean(scaling parameters: [Tensor]) -> Double {
    for (sum, p) in zip(gradient, parameters) {
      scale(p.dtype.scalar, sum.pointer, 1 / weight, sum.pointer, p.count, false)
    }
    return loss / weight
  }

  mutating func reset() {
    for sum in gradient { sum.zero() }
    (weight, loss) = (0, 0)
  }
}
