import Autodiff
import Optimization
import Vocabulary

/// What a differentiated training run is told, checked.
struct EpisodeSettings {
  let rule: RunDirection
  let mode: Episode.Mode
  let curvature: TangentReplay.Curvature
  let steps: Int
  /// Steps between two ends at which the validation loss is differentiated.
  let horizon: Int
  /// Bytes for the snapshots of reverse mode.
  let memory: Double
  let tile: Int
  let values: [Hyperparameter: [Double]]
  /// By parameter, the number of its layer, where each has learning rates of its own: then values are [layers, windows].
  let layers: [Int]?
  /// Of each scalar that the training loss reads, which are the last of the parameters that are given.
  let scalars: [[Double]]
  let columns: [Episode.Column]
  /// Columns to differentiate by.
  let tracked: [Int]
  let clipGradient: Double
  let clipProduct: Double

  init(_ attributes: Attributes) throws {
    try attributes.allow(
      [
        "optimizer", "mode", "curvature", "steps", "horizon", "memory", "tile", "layers", "columns",
        "clip_gradient", "clip_hvp", "scalars", "scalar_values",
      ]
        + Hyperparameter.allCases.map(\.key))
    rule = try RunDirection(attributes.text("optimizer"))
    mode = try choice(attributes, "mode", default: .forward)
    curvature = try choice(attributes, "curvature", default: .hessian)
    steps = try attributes.integer("steps")
    guard steps >= 1 else { throw Failure.value("steps must be at least 1, got \(steps)") }
    horizon = try attributes.integer("horizon", default: steps)
    guard (1...steps).contains(horizon) else {
      throw Failure.value("horizon must be between 1 and \(steps), got \(horizon)")
    }
    memory = try attributes.number("memory", default: .infinity)
    guard memory >= 1 else { throw Failure.value("memory: got \(describe(memory)); allowed: at least 1") }
    tile = try attributes.integer("tile", default: 8)
    guard (1...256).contains(tile) else { throw Failure.value("tile must be between 1 and 256, got \(tile)") }
    layers = try attributes.integers("layers")
    let layerCount = try layers.map(Self.count) ?? 1
    let (values, families) = try Self.table(attributes, rule, steps, layerCount)
    self.values = values
    scalars = try Self.scalars(attributes, steps)
    columns =
      families
      + scalars.enumerated().flatMap { i, list in
        list.indices.map { Episode.Column(source: .scalar(i), window: $0, layer: nil) }
      }
    guard values[.learningRate] != nil else {
      throw Failure.value("learning_rates must hold at least one value")
    }
    let count = columns.count
    tracked = try attributes.integers("columns") ?? Array(columns.indices)
    guard tracked.allSatisfy({ (0..<count).contains($0) }), Set(tracked).count == tracked.count else {
      throw Failure.value("columns must be distinct numbers from 0 to \(count - 1), got \(tracked)")
    }
    clipGradient = try bound(attributes, "clip_gradient")
    clipProduct = try bound(attributes, "clip_hvp")
    if mode == .reverse, clipProduct.isFinite {
      throw Failure.value(
        "clip_hvp bounds the Hessian products of forward mode; reverse mode has none of them")
    }
  }

  private static func scalars(_ attributes: Attributes, _ steps: Int) throws -> [[Double]] {
    let counts = try attributes.integers("scalars") ?? []
    var rest = try attributes.has("scalar_values") ? attributes.numbers("scalar_values")[...] : []
    guard counts.allSatisfy({ (1...steps).contains($0) }), counts.reduce(0, +) == rest.count else {
      throw Failure.value(
        "scalars: got \(counts) for \(rest.count) values; allowed: numbers of values, 1 to \(steps) each")
    }
    if let bad = rest.first(where: { !$0.isFinite }) {
      throw Failure.value("scalar_values: got \(describe(bad)); allowed: finite numbers")
    }
    return counts.map { count in
      defer { rest = rest.dropFirst(count) }
      return Array(rest.prefix(count))
    }
  }

  private static func count(_ layers: [Int]) throws -> Int {
    let count = Set(layers).count
    guard count > 0, layers.allSatisfy({ (0..<count).contains($0) }) else {
      throw Failure.value(
        "layers must be numbers from 0 on without gaps, one for each parameter, got \(layers)")
    }
    return count
  }

  private static func table(
    _ attributes: Attributes, _ rule: RunDirection, _ steps: Int, _ layers: Int
  ) throws -> ([Hyperparameter: [Double]], [Episode.Column]) {
    var values: [Hyperparameter: [Double]] = [:]
    var columns: [Episode.Column] = []
    for family in Hyperparameter.allCases where attributes.has(family.key) {
      let list = try attributes.numbers(family.key)
      if list.isEmpty { continue }
      columns += try Self.columns(family, list, rule, steps, layers)
      values[family] = list
    }
    return (values, columns)
  }

  private static func columns(
    _ family: Hyperparameter, _ list: [Double], _ rule: RunDirection, _ steps: Int, _ layers: Int
  ) throws -> [Episode.Column] {
    let key = family.key
    let argument = rule.argument(of: family)
    guard argument != nil || family == .learningRate else {
      throw Failure.value("\(rule.name) has no \(key)")
    }
    let rows = family == .learningRate ? layers : 1
    let windows = list.count / rows
    guard windows * rows == list.count else {
      throw Failure.value(
        "\(key): got \(list.count) values; allowed: equally many for each of \(rows) layers")
    }
    guard windows <= steps else {
      throw Failure.value(
        "\(key): \(windows) values do not fit into \(steps) steps; allowed: at most one a step")
    }
    if let bad = list.first(where: { !$0.isFinite }) {
      throw Failure.value("\(key): got \(bad); allowed: finite numbers")
    }
    if let argument, let bad = list.first(where: { !argument.learned.contains($0) }) {
      throw Failure.value("\(key): got \(bad); allowed for \(rule.name): \(argument.learned)")
    }
    return list.indices.map {
      Episode.Column(
        source: .family(family), window: $0 % windows, layer: rows > 1 ? $0 / windows : nil)
    }
  }

  static func check(_ parameters: [Tensor]) throws {
    guard let first = parameters.first else { throw Failure.value("there are no parameters to train") }
    for (i, p) in parameters.enumerated() {
      guard p.dtype.isFloating, p.dtype == first.dtype, p.isLeaf else {
        throw Failure.type(
          "parameters[\(i)] must be a leaf of dtype \(first.dtype.name), got \(p.dtype.name)")
      }
      guard !parameters[..<i].contains(where: { $0 === p }) else {
        throw Failure.value("parameters[\(i)] is given twice")
      }
    }
  }

  func checkLayers(_ parameters: [Tensor]) throws {
    guard layers == nil || layers!.count == parameters.count else {
      throw Failure.value("layers: got \(layers!.count) numbers for \(parameters.count) parameters")
    }
  }

  /// How many values follow each other.
  func windows(_ source: Episode.Source) -> Int {
    switch source {
    case .family(let family):
      values[family]!.count / (family == .learningRate ? layers.map(Set.init)?.count ?? 1 : 1)
    case .scalar(let i): scalars[i].count
    }
  }

  /// The numbers of the first columns.
  var firstColumns: [Episode.Source: Int] {
    Dictionary(columns.enumerated().map { ($1.source, $0) }) { first, _ in first }
  }

  /// As many snapshots as fit into `memory`.
  func plan(_ parameters: [Tensor]) throws -> ReplayPlan {
    let size = parameters.reduce(0) { $0 + $1.byteCount } * (1 + rule.slots)
    let least = min(3, horizon)
    let most = (memory / Double(max(1, size))).rounded(.down)
    guard most >= Double(least) else {
      throw Failure.value(
        "memory: got \(Int(memory)) bytes; allowed: at least \(least * size), for \(least) snapshots of \(size) bytes"
      )
    }
    return ReplayPlan(snapshots: most < Double(horizon) ? Int(most) : horizon)
  }

  func checkRoom(_ parameters: [Tensor], _ mode: Episode.Mode) throws {
    let size = parameters.reduce(0) { $0 + $1.count }
    let copies = (1 + rule.slots) * ((mode == .forward ? tracked.count : 0) + 2) + tile
    try Autodiff.checkRoom([copies, size], parameters[0].dtype)
  }
}

private func choice<Choice: RawRepresentable & CaseIterable>(
  _ attributes: Attributes, _ key: String, default fallback: Choice? = nil
) throws -> Choice where Choice.RawValue == String {
  let text = try attributes.text(key, default: fallback?.rawValue)
  guard let found = Choice(rawValue: text) else {
    let known = Choice.allCases.map { $0.rawValue }.joined(separator: ", ")
    throw Failure.value("\(key): got '\(text)'; allowed: \(known)")
  }
  return found
}

private func bound(_ attributes: Attributes, _ key: String) throws -> Double {
  let value = try attributes.number(key, default: .infinity)
  guard value > 0 else { throw Failure.value("\(key): got \(value); allowed: above 0") }
  return value
}
