import Kernels
import Vocabulary

/// A direction as a whole run is trained and differentiated by it: the values in force at a step are given by family, and
/// its card says which argument takes those of which. Arguments of no family, or of one without values, keep their
/// defaults.
public struct RunDirection: Sendable {
  public let name: String
  private let direction: any Direction
  private let arguments: [Card.Argument]

  /// What runs can be trained by: every direction, each followed by its variants.
  public static var names: [String] { all.map(\.name) }

  private static var all: [(name: String, kind: any Direction.Type, fixed: [String: Double])] {
    DirectionCatalogue.directions.flatMap { kind in
      [(kind.card.name, kind, [:])] + kind.variants.map { ($0.name, kind, $0.arguments) }
    }
  }

  public init(_ name: String) throws {
    guard let found = Self.all.first(where: { $0.name == name }) else {
      throw Failure.value("optimizer: got '\(name)'; allowed: \(Self.names.joined(separator: ", "))")
    }
    try self.init(name, found.kind, found.fixed)
  }

  init(_ name: String, _ kind: any Direction.Type, _ fixed: [String: Double]) throws {
    self.name = name
    arguments = kind.card.arguments.filter { $0.family != nil }
    var settings = try kind.card.read(Attributes(name, numbers: fixed))
    settings.varying = Set(arguments.map(\.name))
    direction = try kind.init(settings)
  }

  /// The argument that takes the values of a family.
  public func argument(of family: Hyperparameter) -> Card.Argument? {
    arguments.first { $0.family == family }
  }

  public var slots: Int { direction.slots.count }
  public var initialState: [Double] { direction.initialState }
  public func kernels(_ dtype: DType) -> RuleKernels { direction.kernels(dtype) }

  /// With the defaults of the card; the rate is 0.
  public var values: Arguments<Double> { direction.arguments }

  /// The constants of step t, counted from 1.
  public func hyper(_ values: Arguments<Double>, _ t: Int) -> HyperValues { direction.hyper(values, t) }

  /// The same with their derivatives by the values of one family, or by none.
  public func constants(
    _ values: Arguments<Double>, _ t: Int, by family: Hyperparameter?
  ) -> StepConstants<Dual<Double>> {
    var duals = Arguments(values) { Dual($0, tangent: 0) }
    if let family { duals[family].tangent = 1 }
    return StepConstants(hyper: direction.hyper(duals, t), rate: duals[.learningRate])
  }
}
