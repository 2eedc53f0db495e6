import Vocabulary

/// A rate machine on its own, for loops whose vectors live elsewhere: it is given the numbers of a step by name and
/// says what to do. A step is the conversation of `RateMachine`: `begin`, then an `answer` for every evaluation asked
/// for; until it is done, `abort` forgets it. A step of a whole method is `prepare` and `conclude`.
public final class ScalarMachine {
  public let choice: RateChoice
  var machine: any RateMachine
  var pending: Pending?
  /// What judges losses where vectors lie elsewhere; none where it is off.
  var policy: GuardPolicy?

  struct Pending {
    var view: StepView
    let before: any RateMachine
    var asked: Decision
  }

  private static let viewNames = [
    "loss", "precision", "slope", "smoothed_slope", "gradient_norm2", "steps_per_epoch", "travelled2",
    "start_dot",
    "start2", "stretch", "turn", "entries",
  ]
  private static let windowNames = ["window_dot", "window_norm2"]
  private static let previousNames = [
    "previous_dot", "previous_gradient_norm2", "previous_direction_norm2", "change_dot", "change_norm2",
    "previous_rate",
  ]

  public init(_ name: String, _ arguments: Attributes) throws {
    choice = try RateChoice(name, arguments)
    guard !(choice.type is any OnlineMachine.Type),
      choice.memories.isDisjoint(with: [.epochAverage, .gradientAverage]), choice.scope != .pooled
    else {
      throw Failure.type(
        "\(choice.type.card.title) keeps vectors of its own, so it runs in the native optimizer only: allowed: rates that "
          + "need no more than inner products")
    }
    guard !choice.decayInLoss else {
      throw Failure.type(
        "\(choice.type.card.title): decay_in_loss needs the parameters, so it runs in the native optimizer only; add the decay "
          + "to the loss yourself")
    }
    machine = try choice.makeMachine()
  }

  private init(_ choice: RateChoice, _ machine: any RateMachine) {
    self.choice = choice
    self.machine = machine
  }

  /// Another machine in the same state; a step in progress is not copied.
  public func clone() -> ScalarMachine {
    let made = ScalarMachine(choice, pending?.before ?? machine)
    made.policy = policy
    return made
  }

  public func check(loss: Double) throws { try machine.check(loss: loss) }

  /// The numbers of a step about to be taken, by name: those of `StepView`. "loss" must be there, finite but in a search,
  /// and numbers that are left out are 0; a window or a previous step is there if its numbers are.
  public func begin(_ numbers: Attributes) throws -> Decision {
    guard pending == nil else { throw Failure.value("a step is already in progress") }
    guard !(machine is any WholeMachine) else {
      throw Failure.value("\(choice.type.card.title) is a whole method: its step is prepared and concluded")
    }
    if var search = machine as? any SearchingMachine, search.isSearching, try isNotFinite(numbers) {
      search.giveUp()
      machine = search
      return .putBack
    }
    let view = try readView(numbers)
    try machine.check(loss: view.loss)
    return advance(Pending(view: view, before: machine, asked: .stay))
  }

  private func isNotFinite(_ numbers: Attributes) throws -> Bool {
    !(try numbers.number("loss").isFinite && numbers.number("gradient_norm2", default: 0).isFinite)
  }

  /// What was asked for: "loss" after a probe, "slope" too if its gradient was wanted, or "curvature".
  public func answer(_ numbers: Attributes) throws -> Decision {
    guard var step = pending else { throw Failure.value("no step is in progress") }
    switch step.asked {
    case .probe(let length):
      try numbers.allow(["loss", "slope"])
      step.view.probe = StepView.Probe(length: length, loss: try numbers.number("loss"))
    case .probeGradient(let length):
      try numbers.allow(["loss", "slope"])
      step.view.probe = StepView.Probe(
        length: length, loss: try numbers.number("loss"), slope: try numbers.number("slope"))
    case .measureCurvature:
      try numbers.allow(["curvature"])
      step.view.curvature = try numbers.number("curvature")
    case .take, .stay, .putBack: throw Failure.value("no step is in progress")
    }
    return advance(step)
  }

  public func abort() {
    guard let step = pending else { return }
    machine = step.before
    pending = nil
  }

  private func advance(_ step: Pending) -> Decision {
    var step = step
    var decision = machine.decide(step.view)
    if case .take(let rate) = decision, !rate.isFinite { decision = .stay }
    step.asked = decision
    switch decision {
    case .take, .stay, .putBack: pending = nil
    case .probe, .probeGradient, .measureCurvature: pending = step
    }
    return decision
  }

  func readView(_ given: Attributes, allowing others: [String] = []) throws -> StepView {
    try given.allow(Self.viewNames + Self.windowNames + Self.previousNames + others)
    func number(_ name: String) throws -> Double { try given.number(name, default: 0) }
    func clipping(_ name: String) throws -> Double {
      let value = try given.number(name, default: 1)
      guard value >= 1, value.isFinite else {
        throw Failure.value("\(name) must be at least 1 and finite, got \(value)")
      }
      return value
    }
    var view = StepView(loss: try given.number("loss"))
    view.precision = try given.number("precision", default: view.precision)
    view.slope = try number("slope")
    view.smoothedSlope = try number("smoothed_slope")
    view.gradientNorm2 = try number("gradient_norm2")
    view.stretch = try clipping("stretch")
    view.turn = try clipping("turn")
    guard view.loss.isFinite, view.gradientNorm2.isFinite else {
      throw Failure.value(
        "a step whose loss or gradient is not finite must be skipped, got loss=\(view.loss) and "
          + "gradient_norm2=\(view.gradientNorm2)")
    }
    let known = choice.stepsPerEpoch >= 1 ? choice.stepsPerEpoch : view.stepsPerEpoch
    view.stepsPerEpoch = try given.number("steps_per_epoch", default: known)
    guard Bounds.count.contains(view.stepsPerEpoch) else {
      throw Failure.value("steps_per_epoch must be \(Bounds.count), got \(view.stepsPerEpoch)")
    }
    view.travelled2 = try number("travelled2")
    view.startDot = try number("start_dot")
    view.start2 = try number("start2")
    view.entries = try number("entries")
    if Self.windowNames.contains(where: given.has) {
      view.window = StepView.Window(
        previousDot: try given.number("window_dot"), norm2: try given.number("window_norm2"))
    }
    if Self.previousNames.contains(where: given.has) {
      var previous = StepView.Previous()
      previous.decayedDirectionDot = try number("previous_dot")
      previous.decayedGradientNorm2 = try number("previous_gradient_norm2")
      previous.directionNorm2 = try number("previous_direction_norm2")
      previous.changeDot = try number("change_dot")
      previous.changeNorm2 = try number("change_norm2")
      previous.rate = try number("previous_rate")
      view.previous = previous
    }
    return view
  }

  // MARK: - State and facts

  public var state: [(name: String, value: Double)] { (pending?.before ?? machine).state + guardState }

  /// All of `state`, and nothing else; a step in progress is forgotten.
  public func load(_ entries: Attributes) throws {
    let names = machine.state.map(\.name)
    let guardian = try readGuard(entries)
    var values: [String: Double] = [:]
    for name in names { values[name] = try entries.number(name) }
    abort()
    machine.restore(values)
    policy = guardian
  }

  /// The schedule's factor after `step` steps; 1 without one.
  public func factor(step: Int) throws -> Double { try choice.schedule?.finiteValue(step) ?? 1 }

  public func property(_ key: String) throws -> Double {
    func flag(_ value: Bool) -> Double { value ? 1 : 0 }
    let type = choice.type
    switch key {
    case "probes": return flag(type.probes)
    case "needs_loss": return flag(type.needsLoss)
    case "sees_loss": return flag(type.seesLoss)
    case "uses_window": return flag(type.memories.contains(.window))
    case "uses_previous": return flag(!type.memories.isDisjoint(with: [.previous, .previousGradient]))
    case "uses_previous_gradient": return flag(type.memories.contains(.previousGradient))
    case "uses_start": return flag(type.memories.contains(.start))
    case "uses_epoch": return flag(type.usesEpoch)
    case "is_method": return flag(machine is any WholeMachine)
    case "averages_points": return flag(type.memories.contains(.trainingPoint))
    case "interpolation": return (machine as? any WholeMachine)?.interpolation ?? 1
    case "scope": return Double(choice.scope.rawValue)
    case "initial_rate": return choice.limits.clamp(choice.initialRate)
    case "window": return Double(try choice.windowLength(stepsPerEpoch: choice.stepsPerEpoch))
    case "guard": return Double((policy?.mode ?? .off).rawValue)
    case "guard_limit": return policy?.limit ?? .infinity
    case "guard_in_a_row": return Double(policy?.inARow ?? 0)
    case "rollbacks": return Double(policy?.rollbacks ?? 0)
    case "rate_scale": return policy?.scale ?? 1
    default:
      guard let value = searchProperty(key, of: machine as? any SearchingMachine) else {
        throw Failure.value("a rate machine has no '\(key)'")
      }
      return value
    }
  }
}
