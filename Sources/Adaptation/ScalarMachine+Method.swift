import Vocabulary

/// The step of a whole method: `prepare` gives the numbers of the first pass over the vectors, `conclude` sees what it
/// has summed and gives the rate and the numbers of the second pass.
extension ScalarMachine {
  private static let pairingNames = ["adaptive", "beta1", "beta2", "has_coupled_decay", "factor"]

  private func method() throws -> any WholeMachine {
    guard let method = machine as? any WholeMachine else {
      throw Failure.value("\(choice.type.card.title) is no whole method: its step begins with its numbers")
    }
    return method
  }

  /// numbers: those of `begin` and of the direction, `StepView.Pairing`. nil: the step leaves everything as it is, and is
  /// over.
  public func prepare(_ numbers: Attributes) throws -> PassScalars? {
    guard pending == nil else { throw Failure.value("a step is already in progress") }
    var method = try method()
    var view = try readView(numbers, allowing: Self.pairingNames)
    view.pairing.adaptive = try numbers.flag("adaptive", default: false)
    view.pairing.beta1 = try numbers.number("beta1", default: 0)
    view.pairing.beta2 = try numbers.number("beta2", default: 0)
    view.pairing.hasCoupledDecay = try numbers.flag("has_coupled_decay", default: false)
    view.pairing.factor = try numbers.number("factor", default: 1)
    try machine.check(loss: view.loss)
    let before = machine
    let pass = method.prepare(view)
    machine = method
    if pass != nil { pending = Pending(view: view, before: before, asked: .stay) }
    return pass
  }

  /// sums: of the first pass, "first", "second" and "third"; 0 where left out. rate: nil, leave the parameters as they
  /// are.
  public func conclude(_ sums: Attributes) throws -> (rate: Double?, second: PassScalars) {
    var method = try method()
    guard var step = pending else { throw Failure.value("no step is in progress") }
    try sums.allow(["first", "second", "third"])
    step.view.sums.first = try sums.number("first", default: 0)
    step.view.sums.second = try sums.number("second", default: 0)
    step.view.sums.third = try sums.number("third", default: 0)
    let decision = method.decide(step.view)
    machine = method
    pending = nil
    if case .take(let rate) = decision, rate.isFinite { return (rate, method.second) }
    return (nil, method.second)
  }
}
