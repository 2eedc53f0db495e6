import Adaptation
import Autodiff
import Kernels
import Optimization
import Vocabulary

/// Groups of parameters, with what differs for them.
extension Optimizer {
  struct Group {
    let direction: any ConfiguredDirection
    /// Replaces a constant rate.
    let rate: Double?
    let schedule: (any Schedule)?
  }

  public func addGroup(_ tensors: [Tensor], names: [String], _ overrides: Attributes) throws {
    guard pending == nil else { throw Failure.value("add_group: a step is in progress") }
    try check(tensors, names)
    let direction = try direction(overrides)
    let rate = try ownRate(overrides)
    let schedule = rate == nil ? choice.schedule : try ScheduleCatalogue.read(overrides)
    let first = try schedule?.finiteValue(stepCount) ?? 1
    let index = groups.count
    let average = GradientAverage.Kind(
      memory: machineType.averaging(choice.settings), includesDecay: choice.decayInLoss)
    let added = try zip(tensors, names).enumerated().map { i, entry in
      try ParameterSlot(
        entry.0, entry.1, index, slots.count + i, direction, method(entry.0.dtype),
        remembers: choice.memories, average: average, keepsClipped: keepsClipped)
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

  private func check(_ tensors: [Tensor], _ names: [String]) throws {
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
  }

  private func direction(_ overrides: Attributes) throws -> any ConfiguredDirection {
    var arguments = directionArguments.values
    for (key, value) in ScheduleCatalogue.remaining(overrides).values where key != "lr" {
      arguments[key] = value
      if !overrides.has(key + ".steps") { arguments[key + ".steps"] = nil }
    }
    let own = Attributes(directionArguments.owner, arguments)
    try checkGroup(own)
    return try DirectionCatalogue.make(directionType, own)
  }

  /// In place of a constant rate; nil where none is given.
  private func ownRate(_ overrides: Attributes) throws -> Double? {
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
    return rate
  }

  private var initialRate: Double {
    (machines.first as? any WholeMachine)?.rate ?? choice.initialRate
  }
}
