import CVector
import MicroKernels
import MicroKernels64
import Vocabulary

#if canImport(Darwin)
  import Darwin
#else
  import Glibc
#endif

#if arch(x86_64)
  import MicroKernels64V4
  import MicroKernelsV4
#endif

/// The micro-kernels of one instruction set and precision, and the sizes of the blocks that they are fed.
struct GemmKernels: @unchecked Sendable {
  let name: String
  let dtype: DType
  /// Tallest tile, and the vector width: a tile is one or two vectors wide.
  let rows: Int
  let width: Int
  /// Element r - 1 has r rows. Unsafe pointers, since an array's bounds are checked on every call.
  let narrow: UnsafePointer<MicroKernel>
  let wide: UnsafePointer<MicroKernel>
  /// Dot products; element (r - 1) * dotColumns + c - 1 has r rows and c columns.
  let dots: UnsafePointer<MicroKernel>
  let dotRows: Int
  let dotColumns: Int
  let packRows: Pack
  let packColumns: Pack
  let multiplyAddLoop: @convention(c) (_ rounds: Int, _ sum: UnsafeMutableRawPointer) -> Int

  typealias Pack =
    @convention(c) (
      _ depth: Int, _ count: Int, _ source: UnsafeRawPointer, _ stride: Int,
      _ target: UnsafeMutableRawPointer, _ step: Int
    ) -> Void

  /// What every processor that loads this library has.
  static let base = GemmKernels(
    baseName, .float32, MicroKernels.tallest, MicroKernels.vectorWidth, MicroKernels.narrowKernel,
    MicroKernels.wideKernel,
    MicroKernels.dotRows, MicroKernels.dotColumns, MicroKernels.dotKernel, MicroKernels.packRows,
    MicroKernels.packColumns,
    MicroKernels.multiplyAddLoop)
  static let base64 = GemmKernels(
    baseName, .float64, MicroKernels64.tallest, MicroKernels64.vectorWidth, MicroKernels64.narrowKernel,
    MicroKernels64.wideKernel,
    MicroKernels64.dotRows, MicroKernels64.dotColumns, MicroKernels64.dotKernel, MicroKernels64.packRows,
    MicroKernels64.packColumns,
    MicroKernels64.multiplyAddLoop)
  private static var baseName: String {
    #if arch(x86_64)
      "swift-avx2"
    #else
      "swift"
    #endif
  }

  /// For AVX-512, nil where the processor lacks it.
  static let v4: GemmKernels? = {
    #if arch(x86_64)
      guard cv_supports_v4() != 0 else { return nil }
      return GemmKernels(
        "swift-avx512", .float32, MicroKernelsV4.tallest, MicroKernelsV4.vectorWidth,
        MicroKernelsV4.narrowKernel, MicroKernelsV4.wideKernel,
        MicroKernelsV4.dotRows, MicroKernelsV4.dotColumns, MicroKernelsV4.dotKernel, MicroKernelsV4.packRows,
        MicroKernelsV4.packColumns,
        MicroKernelsV4.multiplyAddLoop)
    #else
      return nil
    #endif
  }()
  static let v4of64: GemmKernels? = {
    #if arch(x86_64)
      guard cv_supports_v4() != 0 else { return nil }
      return GemmKernels(
        "swift-avx512", .float64, MicroKernels64V4.tallest, MicroKernels64V4.vectorWidth,
        MicroKernels64V4.narrowKernel, MicroKernels64V4.wideKernel,
        MicroKernels64V4.dotRows, MicroKernels64V4.dotColumns, MicroKernels64V4.dotKernel,
        MicroKernels64V4.packRows, MicroKernels64V4.packColumns,
        MicroKernels64V4.multiplyAddLoop)
    #else
      return nil
    #endif
  }()

  /// Those that this processor can run, the fastest last; both precisions have the same ones.
  static func all(_ dtype: DType) -> [GemmKernels] { dtype == .float64 ? all64 : all32 }
  private static let all32 = [base] + (v4.map { [$0] } ?? [])
  private static let all64 = [base64] + (v4of64.map { [$0] } ?? [])

  private init(
    _ name: String, _ dtype: DType, _ rows: Int, _ width: Int, _ narrow: (Int) -> MicroKernel,
    _ wide: (Int) -> MicroKernel,
    _ dotRows: Int, _ dotColumns: Int, _ dots: (Int, Int) -> MicroKernel,
    _ packRows: @escaping Pack,
    _ packColumns: @escaping Pack,
    _ multiplyAddLoop: @escaping @convention(c) (Int, UnsafeMutableRawPointer) -> Int
  ) {
    func table(_ count: Int, _ kernel: (Int) -> MicroKernel) -> UnsafePointer<MicroKernel> {
      let table = UnsafeMutablePointer<MicroKernel>.allocate(capacity: count)
      for i in 0..<count { (table + i).initialize(to: kernel(i)) }
      return UnsafePointer(table)
    }
    self.name = name
    self.dtype = dtype
    self.rows = rows
    self.width = width
    self.narrow = table(rows) { narrow($0 + 1) }
    self.wide = table(rows) { wide($0 + 1) }
    self.dotRows = dotRows
    self.dotColumns = dotColumns
    self.dots = table(dotRows * dotColumns) { dots($0 / dotColumns + 1, $0 % dotColumns + 1) }
    self.packRows = packRows
    self.packColumns = packColumns
    self.multiplyAddLoop = multiplyAddLoop
  }
}

/// Which matrix product this process uses in both precisions: LRSWIFT_GEMM, or the best that the processor runs.
struct GemmChoice: Sendable {
  /// Which of the kernels of a precision; nil: OpenBLAS.
  private let index: Int?
  let description: String

  /// nil: OpenBLAS.
  func kernels(_ dtype: DType) -> GemmKernels? { index.map { GemmKernels.all(dtype)[$0] } }

  /// The choice of this name, nil if this processor has none.
  static func named(_ name: String) -> GemmChoice? { names.contains(name) ? GemmChoice(name) : nil }

  static var names: [String] { ["openblas"] + GemmKernels.all(.float32).map { $0.name } }

  static let current = GemmChoice(getenv("LRSWIFT_GEMM").map { String(cString: $0) })

  init(_ wanted: String?) {
    let all = GemmKernels.all(.float32)
    let best = all.count - 1
    switch wanted ?? "" {
    case "", "swift": (index, description) = (best, all[best].name)
    case "openblas": (index, description) = (nil, "openblas")
    case let name:
      if let found = all.firstIndex(where: { $0.name == name }) {
        (index, description) = (found, name)
      } else {
        let known = (["swift"] + GemmChoice.names).joined(separator: ", ")
        (index, description) = (best, "\(all[best].name) (LRSWIFT_GEMM=\(name) is none of \(known))")
      }
    }
  }
}

/// The matrix product in use.
public func gemmDescription() -> String { GemmChoice.current.description }
