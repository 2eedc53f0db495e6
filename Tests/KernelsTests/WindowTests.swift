import XCTest

@testable import Kernels

final class WindowTests: XCTestCase {
  static let geometries = [
    WindowGeometry(height: 5, width: 6, channels: 3, kernel: (3, 2), stride: (1, 1), padding: (0, 0)),
    WindowGeometry(height: 5, width: 5, channels: 2, kernel: (3, 3), stride: (2, 1), padding: (1, 2)),
    WindowGeometry(height: 4, width: 3, channels: 17, kernel: (2, 3), stride: (1, 2), padding: (1, 1)),
    WindowGeometry(height: 1, width: 1, channels: 1, kernel: (1, 1), stride: (1, 1), padding: (0, 0)),
    WindowGeometry(height: 2, width: 2, channels: 4, kernel: (5, 5), stride: (3, 3), padding: (3, 3)),
    WindowGeometry(height: 7, width: 2, channels: 1, kernel: (2, 2), stride: (3, 3), padding: (0, 0)),
  ]

  /// The position in one image that a kernel element sees, nil in the padding.
  static func seen(_ g: WindowGeometry, _ oy: Int, _ ox: Int, _ ky: Int, _ kx: Int, _ c: Int) -> Int? {
    let (y, x) = (oy * g.strideY + ky - g.padY, ox * g.strideX + kx - g.padX)
    guard y >= 0, y < g.height, x >= 0, x < g.width else { return nil }
    return (y * g.width + x) * g.channels + c
  }

  /// Calls `body` with every element of every patch, in the order of the columns.
  static func forEachElement(
    _ g: WindowGeometry, _ body: (_ position: Int, _ element: Int, _ at: Int?) -> Void
  ) {
    for oy in 0..<g.outputHeight {
      for ox in 0..<g.outputWidth {
        for ky in 0..<g.kernelHeight {
          for kx in 0..<g.kernelWidth {
            for c in 0..<g.channels {
              body(
                oy * g.outputWidth + ox, (ky * g.kernelWidth + kx) * g.channels + c,
                seen(g, oy, ox, ky, kx, c))
            }
          }
        }
      }
    }
  }

  func testOutputSizesCountThePlacesOfTheKernel() {
    for g in Self.geometries {
      let rows = stride(from: -g.padY, through: g.height + g.padY - g.kernelHeight, by: g.strideY)
      let columns = stride(from: -g.padX, through: g.width + g.padX - g.kernelWidth, by: g.strideX)
      XCTAssertEqual(g.outputHeight, Array(rows).count)
      XCTAssertEqual(g.outputWidth, Array(columns).count)
      XCTAssertEqual(g.positions, g.outputHeight * g.outputWidth)
      XCTAssertEqual(g.patchSize, g.kernelHeight * g.kernelWidth * g.channels)
      XCTAssertEqual(g.imageSize, g.height * g.width * g.channels)
    }
  }

  func testOffsetsInsideTheImage() {
    for start in -6...6 {
      for kernel in 1...4 {
        for extent in 0...4 {
          let (low, high) = WindowGeometry.inside(start, kernel, extent)
          let wanted = (0..<kernel).filter { start + $0 >= 0 && start + $0 < extent }
          XCTAssertEqual(low < high ? Array(low..<high) : [], wanted, "\(start) \(kernel) \(extent)")
        }
      }
    }
  }

  private func checkColumns<T: Scalar>(_: T.Type, _ g: WindowGeometry) {
    var numbers = Numbers(seed: 7)
    let image = numbers.array(g.imageSize)
    var wanted = [Double](repeating: 0, count: g.positions * g.patchSize)
    Self.forEachElement(g) { position, element, at in
      if let at { wanted[position * g.patchSize + element] = image[at] }
    }
    let columns = Buffer<T>(count: wanted.count)
    imageToColumns(T.self, g, Buffer<T>(image).pointer, columns.pointer)
    XCTAssertEqual(columns.values, wanted, "\(g)")
  }

  func testColumnsHoldThePatches() {
    for g in Self.geometries { for type in scalarTypes { checkColumns(type, g) } }
  }

  private func checkImage<T: Scalar>(_: T.Type, _ g: WindowGeometry) {
    var numbers = Numbers(seed: 8)
    let columns = numbers.array(g.positions * g.patchSize)
    let before = numbers.array(g.imageSize)
    var wanted = before
    Self.forEachElement(g) { position, element, at in
      if let at { wanted[at] += columns[position * g.patchSize + element] }
    }
    let image = Buffer<T>(before)
    columnsToImage(T.self, g, Buffer<T>(columns).pointer, image.pointer)
    expectClose(T.self, image.values, wanted, units: 16, "\(g)")
  }

  func testColumnsAreAddedBack() {
    for g in Self.geometries { for type in scalarTypes { checkImage(type, g) } }
  }
}
