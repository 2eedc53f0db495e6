import Kernels
import Vocabulary

/// What an operation is called, how many inputs it takes, and how to apply it. Each operation is one file in `Ops` and
/// one line in `Catalogue`; the derivative tests run over `examples` of everything in it.
public final class Operation: Sendable {
  /// An input shape to try, and where its values lie so that the operation is defined and smooth there.
  public struct Example: Sendable {
    public let shapes: [[Int]]
    public let attributes: [String: Attributes.Value]
    public let domain: ExampleDomain

    public init(
      _ shapes: [[Int]], _ attributes: [String: Attributes.Value] = [:], _ domain: ExampleDomain = .any
    ) {
      self.shapes = shapes
      self.attributes = attributes
      self.domain = domain
    }
  }

  public enum Family: String, Sendable {
    case linear
    case bilinear
    case pointwise
    case fused
    /// Carries no gradient.
    case plain
  }

  public let name: String
  public let family: Family
  public let inputCount: ClosedRange<Int>
  public let arguments: [String]
  public let examples: [Example]
  /// Reads views as they lie; others are given row-major copies.
  let readsViews: Bool
  let build: @Sendable ([Tensor], Attributes) throws -> Tensor

  init(
    _ name: String, _ family: Family, inputs: ClosedRange<Int>, arguments: [String] = [],
    examples: [Example] = [], readsViews: Bool = false,
    build: @escaping @Sendable ([Tensor], Attributes) throws -> Tensor
  ) {
    self.name = name
    self.family = family
    inputCount = inputs
    self.arguments = arguments
    self.examples = examples
    self.readsViews = readsViews
    self.build = build
  }
}

extension Operation {
  public func apply(_ inputs: [Tensor], _ attributes: [String: Attributes.Value] = [:]) throws -> Tensor {
    guard inputCount.contains(inputs.count) else {
      let wanted = inputCount.count == 1 ? "\(inputCount.lowerBound)" : "at least \(inputCount.lowerBound)"
      throw Failure.value("\(name) takes \(wanted) inputs, got \(inputs.count)")
    }
    let given = Attributes(name, attributes)
    if !attributes.isEmpty { try given.allow(arguments) }
    if !readsViews, inputs.contains(where: { $0.strides != nil }) {
      return try build(inputs.map(dense), given)
    }
    return try build(inputs, given)
  }
}

/// Applies an operation by name.
public func apply(
  _ name: String, _ inputs: [Tensor], _ attributes: [String: Attributes.Value] = [:]
) throws -> Tensor {
  try Catalogue.operations[Catalogue.number(name)].apply(inputs, attributes)
}

/// Floating inputs of one dtype, or an error that says what was given.
func requireFloating(_ name: String, _ inputs: [Tensor]) throws {
  guard inputs.allSatisfy(\.dtype.isFloating) else {
    let given = inputs.map(\.dtype.name).joined(separator: ", ")
    throw Failure.type("\(name) takes float32 or float64 tensors, got \(given); convert with astype")
  }
  guard inputs.allSatisfy({ $0.dtype == inputs[0].dtype }) else {
    let given = inputs.map(\.dtype.name).joined(separator: " and ")
    throw Failure.type("\(name): the inputs must have one dtype, got \(given); convert with astype")
  }
}

/// An axis counted from the end when negative.
func normalizedAxis(_ name: String, _ axis: Int, _ rank: Int) throws -> Int {
  guard axis >= -rank, axis < rank else {
    throw Failure.value("\(name): axis \(axis) is outside a tensor of rank \(rank)")
  }
  return axis < 0 ? axis + rank : axis
}

/// The axes to reduce, all of them when none are given.
func reductionAxes(_ name: String, _ attributes: Attributes, _ rank: Int) throws -> [Int] {
  guard let given = try attributes.integers("axes") else { return Array(0..<rank) }
  let axes = try given.map { try normalizedAxis(name, $0, rank) }
  guard Set(axes).count == axes.count else {
    throw Failure.value("\(name): an axis is given twice in \(given)")
  }
  return axes.sorted()
}
