import Adaptation
import Kernels
import Vocabulary

public enum StepOutcome: Int, CaseIterable, Sendable {
  case taken = 0
  /// The parameters stayed where they are.
  case stayed = 1
  case skipped = 2
  /// The step led to a bad loss, the one in the row, and was undone.
  case undone = 3
}

/// Which limit of the user's a rate stands at.
public enum RateBound: Int, CaseIterable, Sendable {
  case lowest = -1
  case none = 0
  case highest = 1
}

/// The last decisions of the rate machines with their inputs, in a ring of fixed size.
struct FlightRecorder {
  /// What a row holds, in order. bound: a `RateBound`. fallback: 1 where the method's formula gave no rate. limit, scale:
  /// the guard's, of the loss and on the rate. outcome: a `StepOutcome`.
  static let fields =
    ["step", "machine"] + StepInput.all.map { $0.name } + [
      "probes", "probe_length", "probe_loss", "curvature", "rate", "bound", "fallback", "limit", "scale",
      "outcome",
    ]

  private let capacity: Int
  private var rows: [Double] = []
  private var next = 0

  init(capacity: Int) {
    self.capacity = capacity
    rows.reserveCapacity(capacity * Self.fields.count)
  }

  mutating func add(_ row: [Double]) {
    let width = Self.fields.count
    if rows.count < capacity * width {
      rows += row
    } else {
      rows.replaceSubrange((next * width)..<((next + 1) * width), with: row)
      next = (next + 1) % capacity
    }
  }

  /// All rows, the oldest first.
  var history: [Double] {
    let cut = next * Self.fields.count
    return Array(rows[cut...] + rows[..<cut])
  }

  static func row(
    step: Int, machine: Int, _ view: StepView, probes: Int, rate: Double?,
    bound: RateBound = .none, fellBack: Bool = false, outcome: StepOutcome, limit: Double = .nan,
    scale: Double = 1
  ) -> [Double] {
    [Double(step), Double(machine)] + StepInput.all.map { $0.value(view) } + [
      Double(probes), view.probe?.length ?? .nan, view.probe?.loss ?? .nan, view.curvature ?? .nan, rate ?? 0,
      Double(bound.rawValue), fellBack ? 1 : 0, limit, scale, Double(outcome.rawValue),
    ]
  }
}

extension Optimizer {
  /// Keeps the last `capacity` decisions from now on; 0 stops and forgets.
  public func record(capacity: Int) throws {
    guard capacity >= 0, capacity <= 10_000_000 else {
      throw Failure.value("record: capacity must be between 0 and 10000000, got \(capacity)")
    }
    recorder = capacity == 0 ? nil : FlightRecorder(capacity: capacity)
  }

  /// Records what the machine made of a step.
  func record(_ index: Int, _ view: StepView, probes: Int, rate: Double?) {
    guard recorder != nil else { return }
    let bound =
      rate.map { $0 >= limits.high ? RateBound.highest : $0 <= limits.low ? .lowest : .none } ?? .none
    recorder!.add(
      FlightRecorder.row(
        step: stepCount, machine: index, view, probes: probes, rate: rate, bound: bound,
        fellBack: machines[index].fellBack, outcome: rate == nil ? .stayed : .taken, scale: rateScale))
  }

  public static var recordFields: [String] { FlightRecorder.fields }

  /// The recorded decisions, row by row, oldest first; empty when nothing is recorded.
  public var history: [Double] { recorder?.history ?? [] }
}

/// The rates that a machine would have taken on recorded steps, without model or data. Rows of other machines than
/// `machine`, of skipped and of undone steps give NaN.
public func replay(_ rate: String, _ arguments: Attributes, _ history: [Double], machine: Int) throws
  -> [Double]
{
  let type = try RateCatalogue.find(rate)
  guard !type.probes || type is any OnlineMachine.Type, type != ConstantRate.self,
    !(type is any WholeMachine.Type)
  else {
    throw Failure.value(
      "replay: \(type.card.title) needs the model itself; allowed: methods that neither evaluate it nor change the "
        + "direction")
  }
  var replayed = try RateChoice(rate, arguments).makeMachine()
  var before = replayed
  let width = FlightRecorder.fields.count
  let place = Dictionary(uniqueKeysWithValues: FlightRecorder.fields.enumerated().map { ($1, $0) })
  return try stride(from: 0, to: history.count - width + 1, by: width).map { start in
    func value(_ name: String) -> Double { history[start + place[name]!] }
    let outcome = wholeNumber(value("outcome")).flatMap(StepOutcome.init)
    if outcome == .undone { replayed = before }
    guard value("machine") == Double(machine), outcome == .taken || outcome == .stayed else { return .nan }
    var view = StepView(loss: value("loss"))
    for input in StepInput.all where !value(input.name).isNaN { input.put(&view, value(input.name)) }
    try replayed.check(loss: view.loss)
    before = replayed
    guard case .take(let taken) = replayed.decide(view) else { return 0 }
    return taken
  }
}
