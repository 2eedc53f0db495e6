import Adaptation
import Kernels

/// The last decisions of the rate machines with their inputs, in a ring of fixed size.
struct FlightRecorder {
  /// What a row holds, in order. limit, scale: the guard's, of the loss and on the rate.
  static let fields = [
    "step", "machine", "loss", "slope", "smoothed_slope", "gradient_norm2", "previous_dot", "window_dot",
    "window_norm2", "probes", "probe_length", "probe_loss", "curvature", "rate", "limit", "scale", "outcome",
  ]

  enum Outcome: Double {
    case taken = 0
    /// The parameters stayed where they are.
    case stayed = 1
    case skipped = 2
    /// The step led to a bad loss, the one in the row, and was undone.
    case undone = 3
  }

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
    step: Int, machine: Int, _ view: StepView, probes: Int, rate: Double?, outcome: Outcome,
    limit: Double = .nan, scale: Double = 1
  ) -> [Double] {
    [
      Double(step), Double(machine), view.loss, view.slope, view.smoothedSlope, view.gradientNorm2,
      view.previous?.decayedDirectionDot ?? .nan, view.window?.previousDot ?? .nan,
      view.window?.norm2 ?? .nan,
      Double(probes), view.probe?.length ?? .nan, view.probe?.loss ?? .nan, view.curvature ?? .nan, rate ?? 0,
      limit, scale, outcome.rawValue,
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
  guard !type.probes, !type.usesStart, !type.usesEpochAverage, type != ConstantRate.self,
    !(type is any WholeMachine.Type)
  else {
    throw Failure.value(
      "replay: \(type.card.title) needs the model itself; allowed: methods that neither evaluate it nor keep vectors"
    )
  }
  let optimizer = try Optimizer(direction: "sgd", Attributes("sgd"), rate: rate, arguments)
  var replayed = try optimizer.makeMachine()
  var before = replayed
  let width = FlightRecorder.fields.count
  return try stride(from: 0, to: history.count - width + 1, by: width).map { start in
    func value(_ name: String) -> Double { history[start + FlightRecorder.fields.firstIndex(of: name)!] }
    let outcome = FlightRecorder.Outcome(rawValue: value("outcome"))
    if outcome == .undone { replayed = before }
    guard value("machine") == Double(machine), outcome == .taken || outcome == .stayed else { return .nan }
    var view = StepView(loss: value("loss"))
    view.slope = value("slope")
    view.smoothedSlope = value("smoothed_slope")
    view.gradientNorm2 = value("gradient_norm2")
    if !value("previous_dot").isNaN {
      view.previous = StepView.Previous()
      view.previous!.decayedDirectionDot = value("previous_dot")
    }
    if !value("window_dot").isNaN {
      view.window = StepView.Window(previousDot: value("window_dot"), norm2: value("window_norm2"))
    }
    try replayed.check(loss: view.loss)
    before = replayed
    guard case .take(let taken) = replayed.decide(view) else { return 0 }
    return taken
  }
}
