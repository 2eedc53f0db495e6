import Adaptation
import Autodiff
import Kernels
import Optimization
import Vocabulary

/// A direction and a rate over groups of parameters.
///
/// A step is a short conversation: `begin` with the loss, then an `answer` for every evaluation asked for. Until it is
/// done, `abort` puts everything back. What cannot be undone happens only in `commit`.
public final class Optimizer: @unchecked Sendable {
  let directionType: any Direction.Type
  let directionArguments: Attributes
  let choice: RateChoice
  var machineType: any RateMachine.Type { choice.type }
  var limits: RateLimits { choice.limits }
  var scope: Scope { choice.scope }

  private(set) var groups: [Group] = []
  private(set) var slots: [ParameterSlot] = []
  var machines: [any RateMachine] = []
  /// One per parameter where rates are pooled, else none.
  var pooled: [PooledTensor] = []
  public internal(set) var stepCount = 0
  public internal(set) var skippedSteps = 0
  var consecutiveSkips = 0
  public var maxSkipped = 20
  /// What `fit` knows and a window given as a fraction of an epoch needs.
  public var stepsPerEpoch: Double
  /// Limits of gradient clipping, infinite when off: of each entry, and of the norm over all parameters.
  let clipValue, clipNorm: Double
  private(set) var pending: PendingStep?
  var recorder: FlightRecorder?
  var safeguard: Guard?
  /// The parameters stand at the average of all points, not where training goes on.
  var isEvaluating = false
  /// Of the validation loss by the rate, after the last step; NaN before the first.
  var hypergradient = Double.nan

  struct Group {
    let direction: any ConfiguredDirection
    /// Replaces a constant rate.
    let rate: Double?
    let schedule: (any Schedule)?
  }

  struct PendingStep {
    var active: [ParameterSlot]
    var views: [StepView]
    let machinesBefore: [any RateMachine]
    /// Of the schedules, one per group.
    let factors: [Double]
    var probeLength = 0.0
    var probes = 0
    var online: OnlineStep?
  }

  public struct Request {
    public enum Kind: Int32 {
      case done = 0
      case loss = 1
      case gradient = 2
      case curvature = 3
      /// Of validation data, with its gradient.
      case validation = 4
    }
    public var kind = Kind.done
    public var skipped = false
    public var rate = 0.0, low = 0.0, high = 0.0
  }

  private static let clipArguments = ["clip_value", "clip_norm"]

  public init(direction: String, _ directionArguments: Attributes, rate: String, _ rateArguments: Attributes)
    throws
  {
    directionType = try DirectionCatalogue.find(direction)
    clipValue = try Optimizer.clipLimit(directionArguments, "clip_value")
    clipNorm = try Optimizer.clipLimit(directionArguments, "clip_norm")
    self.directionArguments = Attributes(
      directionArguments.owner,
      directionArguments.values.filter { !Optimizer.clipArguments.contains($0.key) })
    let configured = try DirectionCatalogue.make(directionType, self.directionArguments)
    choice = try RateChoice(rate, rateArguments)
    stepsPerEpoch = choice.stepsPerEpoch
    if let whole = machineType as? any WholeMachine.Type {
      try Optimizer.checkPair(whole, directionType, self.directionArguments, scope)
    }
    if let online = machineType as? any OnlineMachine.Type {
      try Optimizer.checkOnline(online, direction, configured)
      try checkClipping()
    }
  }

  private static func clipLimit(_ arguments: Attributes, _ name: String) throws -> Double {
    let limit = try arguments.number(name, default: .infinity)
    guard Bounds.positiveOrInfinite.contains(limit) else {
      throw Failure.value("\(arguments.owner): \(name) must be \(Bounds.positiveOrInfinite), got \(limit)")
    }
    return limit
  }

  public func addGroup(_ tensors: [Tensor], names: [String], _ overrides: Attributes) throws {
    guard !tensors.isEmpty else { throw Failure.value("parameters: a group must not be empty") }
    var known = Set(slots.map { ObjectIdentifier($0.tensor) })
    for (tensor, name) in zip(tensors, names) {
      guard tensor.dtype.isFloating else {
        throw Failure.type("parameter '\(name)' must be float32 or float64, got \(tensor.dtype.name)")
      }
      guard tensor.requiresGrad, tensor.isLeaf else {
        throw Failure.value(
          "parameter '\(name)' requires no gradient; it must be a leaf tensor made with requires_grad=True")
      }
      guard known.insert(ObjectIdentifier(tensor)).inserted else {
        throw Failure.value("parameter '\(name)' is given twice")
      }
    }
    guard Set(slots.map(\.name) + names).count == slots.count + names.count else {
      throw Failure.value("parameters: names must be unique, got \(names)")
    }
    var arguments = directionArguments.values
    for (key, value) in ScheduleCatalogue.remaining(overrides).values where key != "lr" {
      arguments[key] = value
      if !overrides.has(key + ".steps") { arguments[key + ".steps"] = nil }
    }
    let own = Attributes(directionArguments.owner, arguments)
    try checkGroup(own)
    let direction = try DirectionCatalogue.make(directionType, own)
    if let online = machineType as? any OnlineMachine.Type {
      try Optimizer.checkOnline(online, directionType.card.name, direction)
    }
    let rate = overrides.has("lr") ? try overrides.number("lr") : nil
    if let rate {
      guard machineType == ConstantRate.self else {
        throw Failure.value(
          "lr of a group: \(machineType.card.title) chooses the rate; leave lr out of the group")
      }
      guard Bounds.notNegative.contains(rate) else {
        throw Failure.value("lr must be \(Bounds.notNegative), got \(rate)")
      }
    }
    let schedule = rate == nil ? choice.schedule : try ScheduleCatalogue.read(overrides)
    let first = try schedule?.finiteValue(stepCount) ?? 1
    let index = groups.count
    let added = zip(tensors, names).enumerated().map { i, entry in
      ParameterSlot(entry.0, entry.1, index, slots.count + i, direction, method(entry.0.dtype))
    }
    let machineCount =
      switch scope {
      case .all: 1
      case .group: index + 1
      case .tensor: slots.count + added.count
      case .pooled: 1 + slots.count + added.count
      }
    if scope == .pooled { pooled += added.map { _ in PooledTensor() } }
    while machines.count < machineCount {
      machines.append(try choice.makeMachine())
    }
    groups.append(Group(direction: direction, rate: rate, schedule: schedule))
    slots += added
    safeguard?.forget()
    for slot in added { slot.rate = (rate.map(limits.clamp) ?? initialRate) * first }
  }

  private var initialRate: Double {
    (machines.first as? any WholeMachine)?.rate ?? choice.initialRate
  }

  public var rates: [Double] { slots.map(\.rate) }

  public func zeroGrad() { for slot in slots { slot.tensor.grad = nil } }

  // MARK: - A step

  /// `afterBackward`: nothing has touched the gradients since a program's `backward`.
  public func begin(loss: Double, mayProbe: Bool, afterBackward: Bool = false) throws -> Request {
    guard pending == nil else { throw Failure.value("a step is already in progress") }
    if machineType.probes && !mayProbe {
      throw Failure.type(
        "\(machineType.card.title) evaluates the loss at trial points, which step() cannot do: use "
          + "optimizer.minimize(closure)")
    }
    let active = slots.filter { $0.tensor.grad != nil }
    guard !active.isEmpty else {
      throw Failure.value("no parameter has a gradient: call loss.backward() before step()")
    }
    if machineType.usesWindow { _ = try choice.windowLength(stepsPerEpoch: stepsPerEpoch) }
    try checkTrainingPoint()
    let clips = clipValue < .infinity || clipNorm < .infinity
    let ratesAreGiven = machineType == ConstantRate.self || machineType == PeriodicALRS.self
    // Only rates and clipping ask how long a gradient is; that it is finite may be known.
    let known = afterBackward && ratesAreGiven && !clips
    var norms = known ? [] : gradientNorms(active)
    let finite =
      loss.isFinite && (known ? active.allSatisfy(\.gradientIsFinite) : norms.allSatisfy(\.isFinite))
    if finite { for machine in machines { try machine.check(loss: loss) } }
    if let request = try judge(loss: loss, finite: finite) { return request }
    guard finite else { return try skip(loss) }
    let factors = try groups.map { try ($0.schedule?.finiteValue(stepCount) ?? 1) * rateScale }
    if clips {
      clipGradients(active, norm: norms.reduce(0, +).squareRoot())
      norms = gradientNorms(active)
    }
    if ratesAreGiven {
      return try stepAtConstantRates(active, loss, factors)
    }
    if machineType is any WholeMachine.Type { return try stepWhole(active, norms, loss, factors[0]) }
    return try beginAdaptive(active, norms, loss, factors)
  }

  /// The answer to a request: the loss at the displaced parameters, which hold the gradient there if it was asked for.
  public func answer(loss: Double) throws -> Request {
    guard var step = pending else { throw Failure.value("no step is in progress") }
    if let online = step.online { return try finishOnline(step, online, loss) }
    let slope = step.active.reduce(0.0) { sum, slot in
      guard let grad = slot.tensor.grad else { return sum }
      return sum + innerProduct(slot.scalar, grad.pointer, slot.directionPointer, slot.tensor.count)
    }
    step.views[0].probe = StepView.Probe(length: step.probeLength, loss: loss, slope: slope)
    step.probes += 1
    return try advance(step)
  }

  /// The answer to a request for the curvature, d'Hd or H z: the loss that the step began with.
  public func answer(curvatureOf loss: Tensor) throws -> Request {
    guard var step = pending else { throw Failure.value("no step is in progress") }
    if let online = step.online { return try differentiate(step, online, loss) }
    let directions = step.active.map { (leaf: $0.tensor, vector: $0.direction!) }
    step.views[0].curvature = try Derivatives.curvature(loss, along: directions)
    return try advance(step)
  }

  public func abort() {
    guard let step = pending else { return }
    for slot in step.active { slot.restore() }
    machines = step.machinesBefore
    pending = nil
  }

  func skip(_ loss: Double) throws -> Request {
    skippedSteps += 1
    consecutiveSkips += 1
    recorder?.add(
      FlightRecorder.row(
        step: stepCount, machine: 0, StepView(loss: loss), probes: 0, rate: nil, outcome: .skipped,
        scale: rateScale))
    if consecutiveSkips >= maxSkipped {
      throw Failure.diverged(
        "the loss or its gradient was not finite for \(consecutiveSkips) steps in a row; the parameters are those of "
          + "the last good step. Check the data for NaN and infinity, or lower the rate", step: stepCount)
    }
    var request = report(slots)
    request.skipped = true
    return request
  }

  private func stepAtConstantRates(
    _ active: [ParameterSlot], _ loss: Double, _ factors: [Double]
  ) throws -> Request {
    guard case .take(let common) = machines[0].decide(StepView(loss: loss)) else { return report(active) }
    let rates = active.map { slot in
      (groups[slot.group].rate.map(limits.clamp) ?? common) * factors[slot.group]
    }
    takeSteps(active.map { $0.part(hyper($0)) }, rates: rates)
    for (slot, rate) in zip(active, rates) {
      slot.steps += 1
      slot.rate = rate
    }
    // a number that the user gave needs no record
    if machineType == PeriodicALRS.self { record(0, StepView(loss: loss), probes: 0, rate: common) }
    return try finished(active, loss)
  }

  private func beginAdaptive(
    _ active: [ParameterSlot], _ norms: [Double], _ loss: Double, _ factors: [Double]
  ) throws -> Request {
    var view = StepView(loss: loss)
    if validates, !hypergradient.isNaN { view.hypergradient = hypergradient }
    if stepsPerEpoch >= 1 { view.stepsPerEpoch = stepsPerEpoch }
    if active.contains(where: { $0.tensor.dtype == .float32 }) { view.precision = Double(Float.ulpOfOne) }
    var views = [StepView](repeating: view, count: machines.count)
    for (slot, norm2) in zip(active, norms) { views[machineIndex(slot)].gradientNorm2 += norm2 }
    if machineType.usesWindow {
      closeWindows(active, &views, try choice.windowLength(stepsPerEpoch: stepsPerEpoch))
    }
    if machineType.usesPrevious { comparePrevious(active, &views) }
    if machineType.usesStart { measureTravel(active, &views) }
    if machineType.usesEpochAverage { followEpoch(active, &views) }
    let parts = active.map { $0.prepare(hyper($0), revocable: machineType.probes) }
    for (slot, sums) in zip(active, findDirections(parts, into: active.map(\.directionPointer))) {
      let index = machineIndex(slot)
      views[index].slope += sums.slope
      views[index].smoothedSlope += sums.smoothedSlope
    }
    if scope == .pooled { sumViews(active, &views) }
    return try advance(PendingStep(active: active, views: views, machinesBefore: machines, factors: factors))
  }

  private func advance(_ step: PendingStep) throws -> Request {
    var step = step
    var present = Set(step.active.map(machineIndex))
    if scope == .pooled { present.insert(0) }
    var taken: [Int: Double] = [:]
    for index in machines.indices where present.contains(index) {
      switch machines[index].decide(step.views[index]) {
      case .take(let rate): taken[index] = rate.isFinite ? rate : nil
      case .stay: break
      case .probe(let length): return probe(&step, length, .loss)
      case .probeGradient(let length): return probe(&step, length, .gradient)
      case .measureCurvature:
        return suspend(step, .curvature)
      }
    }
    if validates, let rate = taken[0] {
      step.online = OnlineStep(rate: rate)
      return suspend(step, .curvature)
    }
    return try commit(step, taken)
  }

  func suspend(_ step: PendingStep, _ kind: Request.Kind) -> Request {
    pending = step
    return Request(kind: kind)
  }

  /// Ends a step at the rates that the machines have taken, by machine.
  func commit(_ step: PendingStep, _ taken: [Int: Double]) throws -> Request {
    var present = Set(step.active.map(machineIndex))
    if scope == .pooled { present.insert(0) }
    if machineType.usesPreviousGradient { keepGradients(step.active) }
    let rates = scope == .pooled ? pool(step.active, step.views, taken) : taken
    for slot in step.active {
      let rate = rates[machineIndex(slot)].map { $0 * step.factors[slot.group] }
      slot.commit(rate: rate, revocable: machineType.probes)
    }
    for index in machines.indices where present.contains(index) {
      record(index, step.views[index], probes: step.probes, rate: taken[index])
    }
    pending = nil
    return try finished(step.active, step.views[0].loss)
  }

  private func probe(_ step: inout PendingStep, _ length: Double, _ kind: Request.Kind) -> Request {
    step.probeLength = length
    for slot in step.active { slot.displace(by: length) }
    return suspend(step, kind)
  }

  func finished(_ active: [ParameterSlot], _ loss: Double) throws -> Request {
    stepCount += 1
    consecutiveSkips = 0
    return try judgeParameters(active, loss: loss) ?? report(active)
  }

  func report(_ active: [ParameterSlot]) -> Request {
    let rates = active.map(\.rate)
    let mean = rates.reduce(0, +) / Double(max(1, rates.count))
    // The mean of equal rates must be that rate to the last bit.
    let (low, high) = (rates.min() ?? 0, rates.max() ?? 0)
    return Request(rate: low == high ? low : mean, low: low, high: high)
  }

  private func gradientNorms(_ active: [ParameterSlot]) -> [Double] {
    squaredNorms(active.map { ($0.tensor.dtype, UnsafeRawPointer($0.tensor.grad!.pointer), $0.tensor.count) })
  }

  func hyper(_ slot: ParameterSlot) -> HyperValues {
    groups[slot.group].direction.hyper(slot.steps + 1)
  }

  func machineIndex(_ slot: ParameterSlot) -> Int {
    switch scope {
    case .all: 0
    case .group: slot.group
    case .tensor: slot.index
    case .pooled: slot.index + 1
    }
  }
}
