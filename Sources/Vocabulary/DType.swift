/// The element types a tensor may hold. Raw values are those of the C ABI.
public enum DType: Int32, Sendable, CaseIterable {
  case float32 = 0
  case float64 = 1
  case int64 = 2
  case uint8 = 3
  case bool = 4

  public var byteCount: Int {
    switch self {
    case .float32: 4
    case .float64, .int64: 8
    case .uint8, .bool: 1
    }
  }

  public var isFloating: Bool { self == .float32 || self == .float64 }

  public var name: String {
    switch self {
    case .float32: "float32"
    case .float64: "float64"
    case .int64: "int64"
    case .uint8: "uint8"
    case .bool: "bool"
    }
  }

  public init?(name: String) {
    guard let match = DType.allCases.first(where: { $0.name == name }) else { return nil }
    self = match
  }
}
