import Vocabulary

/// What is said of the run as a whole rather than of a step: that it ends, and whether its losses explode.
extension ScalarMachine {
  /// The run ends in so many steps.
  public func finish(steps: Double) throws {
    guard Bounds.count.contains(steps) else {
      throw Failure.value("finish: steps must be \(Bounds.count), got \(steps)")
    }
    guard pending == nil else { throw Failure.value("finish: a step is in progress") }
    guard var search = machine as? any SearchingMachine else {
      throw Failure.type("finish: \(choice.type.card.title) has no plan that could end; allowed: Auto")
    }
    try search.finish(in: Int(steps))
    machine = search
  }

  /// Numbers that a guard has gathered are kept when its settings change, until it is off.
  public func setGuard(_ mode: GuardMode, explode: Double, every: Double) throws {
    guard mode != .off else {
      policy = nil
      return
    }
    guard Bounds.count.contains(every) else {
      throw Failure.value("guard: every must be \(Bounds.count), got \(every)")
    }
    policy = try GuardPolicy(mode, explode: explode, after: policy)
    policy!.every = Int(every)
  }

  /// What a guard makes of the loss that a step would begin with; `go` where there is none. By name: loss, finite (of the
  /// loss and its gradient), step (of the run), skipped (steps in a row that were not finite), and copied, the step of the
  /// copy that there is.
  public func judge(_ numbers: Attributes) throws -> GuardPolicy.Judgement {
    try numbers.allow(["loss", "finite", "step", "skipped", "copied"])
    func count(_ name: String) throws -> Int {
      let value = try numbers.number(name)
      guard let whole = wholeNumber(value), whole >= 0 else {
        throw Failure.value("judge: \(name) must be \(Bounds.countOrZero), got \(value)")
      }
      return whole
    }
    let (loss, finite) = (try numbers.number("loss"), try numbers.flag("finite", default: true))
    let (step, skipped) = (try count("step"), try count("skipped"))
    let copied = numbers.has("copied") ? try count("copied") : nil
    return policy?.judge(
      loss: loss, finite: finite && loss.isFinite, step: step, copied: copied, skipped: skipped)
      ?? .go
  }

  /// What came of a judgement: a step was taken, or one was undone.
  public func note(undone: Bool) {
    if undone { policy?.fail() } else { policy?.moved = true }
  }

  private static let guardNames = (0..<7 + LossReference.length).map { "guard.\($0)" }

  /// All that a guard knows; empty without one.
  var guardState: [(name: String, value: Double)] {
    zip(Self.guardNames, policy?.numbers ?? []).map { (name: $0, value: $1) }
  }

  /// A guard that was on when the state was saved is on again; one that is here keeps its `every`.
  func readGuard(_ entries: Attributes) throws -> GuardPolicy? {
    let numbers = try Self.guardNames.prefix(while: entries.has).map { try entries.number($0) }
    try entries.allow(machine.state.map(\.name) + Self.guardNames.prefix(numbers.count))
    guard !numbers.isEmpty else { return policy }
    var made = try GuardPolicy(numbers: numbers)
    made.every = policy?.every ?? 1
    return made
  }
}
