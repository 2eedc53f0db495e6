import Adaptation
import Autodiff
import Kernels
import Optimization
import Vocabulary

/// A step is a short conversation: `begin` with the loss, then an `answer` for every evaluation asked for. Until it is
/// done, `abort` puts everything back. What cannot be undone happens only in `commit`.
extension Optimizer {
  struct PendingStep {
    var active: [ParameterSlot]
    var views: [StepView]
    /// Without weight decay, whatever the machines see.
    let loss: Double
    let machinesBefore: [any RateMachine]
    /// Of the schedules, one per group.
    let factors: [Double]
    var probeLength = 0.0
    var probes = 0
    var online: OnlineStep?
  }

  public struct Request {
    public enum Kind: Int32, CaseIterable, Sendable {
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

  /// `afterBackward`: nothing has touched the gradients since a program's `backward`.
  public func begin(loss: Double, mayProbe: Bool, afterBackward: Bool = false) throws -> Request {
    guard pending == nil else { throw Failure.value("a step is already in progress") }
    try checkFree("step")
    if machineType.probes && !mayProbe {
      throw Failure.type(
        "\(machineType.card.title) evaluates the loss at trial points, which step() cannot do: use "
          + "optimizer.minimize(closure)")
    }
    let active = slots.filter { $0.tensor.grad != nil }
    guard !active.isEmpty else {
      throw Failure.value(
        "no parameter has a gradient: call loss.backward() before step(); where the model's parameters "
          + "are others since, as after model.to(dtype), make a new optimizer")
    }
    let window = try windowLength()
    try checkTrainingPoint()
    // after a search the rate is a matter of the step's number alone
    let ratesAreGiven =
      machineType == ConstantRate.self || machineType == PeriodicALRS.self || (searches && !isSearching)
    // Only rates and clipping ask how long a gradient is; that it is finite may be known.
    let known = afterBackward && ratesAreGiven && !clipping.isOn
    var norms = known ? [] : gradientNorms(active)
    let finite =
      loss.isFinite && (known ? active.allSatisfy(\.gradientIsFinite) : norms.allSatisfy(\.isFinite))
    if finite || isSearching { for machine in machines { try machine.check(loss: loss) } }
    var moments: [StepMoment] = []
    if !ratesAreGiven && !isWhole {
      moments = self.moments(active, window: window)
      // All memory of the step before anything is written, be it a gradient that is clipped.
      let displaces = machineType.probes || validates
      for (slot, moment) in zip(active, moments) {
        try slot.allocate(moment, revocable: machineType.probes, displaces: displaces)
      }
    }
    if isSearching {
      if !finite { return try giveUpSearch(loss) }
    } else if let request = try judge(loss: loss, finite: finite) {
      return request
    }
    guard finite else { return try skip(loss) }
    let factors = try groups.map { try ($0.schedule?.finiteValue(stepCount) ?? 1) * rateScale }
    let whole = norms
    if clipping.isOn {
      clipping.apply(to: active, length: norms.reduce(0, +).squareRoot())
      // a direction that divides by its gradients is as long as before
      if directionType.isLinear || isWhole { norms = gradientNorms(active) }
    }
    if ratesAreGiven {
      return try stepAtConstantRates(active, loss, factors)
    }
    if isWhole {
      let stretch = Alignment(whole2: whole.reduce(0, +), used2: norms.reduce(0, +)).stretch
      return try stepWhole(active, norms, loss, factors[0], stretch: stretch)
    }
    return try beginAdaptive(active, norms, loss, factors, moments)
  }

  /// The answer to a request: the loss at the displaced parameters, which hold the gradient there if it was asked for.
  public func answer(loss: Double) throws -> Request {
    guard var step = pending else { throw Failure.value("no step is in progress") }
    try checkFree("step")
    if let online = step.online { return try finishOnline(step, online, loss) }
    let slope = step.active.reduce(0.0) { sum, slot in
      guard let grad = slot.tensor.grad else { return sum }
      return sum + innerProduct(slot.scalar, grad.pointer, slot.directionPointer, slot.tensor.count)
    }
    let decay = choice.decayInLoss ? decayAlongDirection(step.active) : DecaySums()
    step.views[0].probe = StepView.Probe(
      length: step.probeLength, loss: loss + decay.loss, slope: slope + decay.slope)
    step.probes += 1
    return try advance(step)
  }

  /// The answer to a request for the curvature, d'Hd or H z: the loss that the step began with.
  public func answer(curvatureOf loss: Tensor) throws -> Request {
    guard var step = pending else { throw Failure.value("no step is in progress") }
    try checkFree("step")
    if let online = step.online { return try differentiate(step, online, loss) }
    let directions = step.active.map { (leaf: $0.tensor, vector: $0.direction!) }
    let decay = choice.decayInLoss ? decayAlongDirection(step.active) : DecaySums()
    step.views[0].curvature = try Derivatives.curvature(loss, along: directions) + decay.curvature
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
    if machineType != ConstantRate.self { record(0, StepView(loss: loss), probes: 0, rate: common) }
    return try finished(active, loss)
  }

  private func beginAdaptive(
    _ active: [ParameterSlot], _ norms: [Double], _ loss: Double, _ factors: [Double],
    _ moments: [StepMoment]
  ) throws -> Request {
    var view = StepView(loss: loss)
    if validates, !hypergradient.isNaN { view.hypergradient = hypergradient }
    if stepsPerEpoch >= 1 { view.stepsPerEpoch = stepsPerEpoch }
    if active.contains(where: { $0.tensor.dtype == .float32 }) { view.precision = Double(Float.ulpOfOne) }
    var views = [StepView](repeating: view, count: machines.count)
    for (slot, norm2) in zip(active, norms) {
      views[machineIndex(slot)].gradientNorm2 += norm2
      views[machineIndex(slot)].entries += Double(slot.tensor.count)
    }
    let hypers = active.map(hyper)
    for (slot, moment) in zip(active, moments) {
      for memory in slot.memories { memory.look(at: slot, moment, &views[machineIndex(slot)]) }
    }
    let parts = try zip(active, hypers).map { try $0.prepare($1, revocable: machineType.probes) }
    for (slot, sums) in zip(active, findDirections(parts, into: active.map(\.directionPointer))) {
      let index = machineIndex(slot)
      views[index].slope += sums.slope
      views[index].smoothedSlope += sums.smoothedSlope
    }
    for slot in active { for memory in slot.memories { memory.see(slot, &views[machineIndex(slot)]) } }
    if keepsClipped { showClipped(active, hypers, &views) }
    if choice.decayInLoss { show(decayAlongDirection(active), &views[0]) }
    if scope == .pooled { sumViews(active, &views) }
    return try advance(
      PendingStep(active: active, views: views, loss: loss, machinesBefore: machines, factors: factors))
  }

  private func moments(_ active: [ParameterSlot], window: Int) -> [StepMoment] {
    let epoch = stepsPerEpoch >= 1 ? stepsPerEpoch : StepView(loss: 0).stepsPerEpoch
    return active.map { slot in
      let hyper = hyper(slot)
      return StepMoment(
        step: stepCount, epoch: max(1, Int(epoch)), window: window, decay: hyper.decay,
        averages: hyper.smoothing != 0, searches: isSearching)
    }
  }

  /// Steps of a window; 1 for rates without.
  private func windowLength() throws -> Int {
    guard machineType.memories.contains(.window) else { return 1 }
    // whoever gives the length of an epoch means the paper's windows
    let isGiven = choice.stepsPerEpoch >= 1
    let kept = isGiven ? 0 : groups.map { $0.direction.hyper(1).averaging.kept }.max() ?? 0
    return try choice.windowLength(stepsPerEpoch: stepsPerEpoch, kept: kept)
  }

  private func advance(_ step: PendingStep) throws -> Request {
    var step = step
    let present = concerned(step.active)
    var taken: [Int: Double] = [:]
    for index in machines.indices where present.contains(index) {
      switch machines[index].decide(step.views[index]) {
      case .take(let rate): taken[index] = rate.isFinite ? rate : nil
      case .stay: break
      case .probe(let length): return probe(&step, length, .loss)
      case .probeGradient(let length): return probe(&step, length, .gradient)
      case .measureCurvature:
        return suspend(step, .curvature)
      case .putBack: return try putBack(step)
      }
    }
    if validates, let rate = taken[0] {
      step.online = OnlineStep(rate: rate)
      return suspend(step, .curvature)
    }
    return try commit(step, taken)
  }

  /// The machines that have a part in a step.
  private func concerned(_ active: [ParameterSlot]) -> Set<Int> {
    Set(active.map(machineIndex)).union(scope == .pooled ? [0] : [])
  }

  func suspend(_ step: PendingStep, _ kind: Request.Kind) -> Request {
    pending = step
    return Request(kind: kind)
  }

  /// Ends a step at the rates that the machines have taken, by machine.
  func commit(_ step: PendingStep, _ taken: [Int: Double]) throws -> Request {
    for slot in step.active { for memory in slot.memories { memory.keep(slot) } }
    let rates = scope == .pooled ? pool(step.active, step.views, taken) : taken
    for slot in step.active {
      let rate = rates[machineIndex(slot)].map { $0 * step.factors[slot.group] }
      slot.commit(rate: rate, revocable: machineType.probes)
    }
    let present = concerned(step.active)
    for index in machines.indices where present.contains(index) {
      record(index, step.views[index], probes: step.probes, rate: taken[index])
    }
    pending = nil
    return try finished(step.active, step.loss)
  }

  private func probe(_ step: inout PendingStep, _ length: Double, _ kind: Request.Kind) -> Request {
    step.probeLength = length
    for slot in step.active { slot.displace(by: length) }
    return suspend(step, kind)
  }

  func finished(_ active: [ParameterSlot], _ loss: Double) throws -> Request {
    stepCount += 1
    consecutiveSkips = 0
    for slot in active { slot.tensor.storage.version &+= 1 }
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
}
