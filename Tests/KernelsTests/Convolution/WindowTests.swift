import TestSupport
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
    WindowGeometry(
      height: 6, width: 7, channels: 4, kernel: (2, 3), stride: (1, 2), padding: (1, 0), dilation: (3, 2),
      groups: 2),
  ]

  /// The position in one image that a kernel element sees, nil in the padding.
  static func seen(_ g: WindowGeometry, _ oy: Int, _ ox: Int, _ ky: Int, _ kx: Int, _ c: Int) -> Int? {
    let (y, x) = (oy * g.strideY + ky * g.dilationY - g.padY, ox * g.strideX + kx * g.dilationX - g.padX)
    guard y >= 0, y < g.height, x >= 0, x < g.width else { return nil }
    return (y * g.width + x) * g.channels + c
  }

  /// Calls `body` with every element of every patch of a group, in the order of the columns.
  static func forEachElement(
    _ g: WindowGeometry, _ group: Int, _ body: (_ position: Int, _ element: Int, _ at: Int?) -> Void
  ) {
    let (outputHeight, outputWidth, channels) = (g.outputHeight, g.outputWidth, g.groupChannels)
    for oy in 0..<outputHeight {
      for ox in 0..<outputWidth {
        for ky in 0..<g.kernelHeight {
          for kx in 0..<g.kernelWidth {
            for c in 0..<channels {
              body(
                oy * outputWidth + ox, (ky * g.kernelWidth + kx) * channels + c,
                seen(g, oy, ox, ky, kx, group * channels + c))
            }
          }
        }
      }
    }
  }

  func testOutputSizesCountThePlacesOfTheKernel() {
    for g in Self.geometries {
      let span = (y: (g.kernelHeight - 1) * g.dilationY, x: (g.kernelWidth - 1) * g.dilationX)
      let rows = stride(from: -g.padY, through: g.height + g.padY - 1 - span.y, by: g.strideY)
      let columns = stride(from: -g.padX, through: g.width + g.padX - 1 - span.x, by: g.strideX)
      XCTAssertEqual(g.outputHeight, Array(rows).count)
      XCTAssertEqual(g.outputWidth, Array(columns).count)
      XCTAssertEqual(g.positions, g.outputHeight * g.outputWidth)
      XCTAssertEqual(g.patchSize * g.groups, g.kernelHeight * g.kernelWidth * g.channels)
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
    for group in 0..<g.groups {
      var wanted = [Double](repeating: 0, count: g.positions * g.patchSize)
      Self.forEachElement(g, group) { position, element, at in
        if let at { wanted[position * g.patchSize + element] = image[at] }
      }
      let columns = Buffer<T>(count: wanted.count)
      imageToColumns(T.self, g, group, Buffer<T>(image).pointer, columns.pointer)
      XCTAssertEqual(columns.values, wanted, "\(g)")
    }
  }

  func testColumnsHoldThePatches() {
    for g in Self.geometries { for type in scalarTypes { checkColumns(type, g) } }
  }

  private func checkImage<T: Scalar>(_: T.Type, _ g: WindowGeometry) {
    var numbers = Numbers(seed: 8)
    let columns = numbers.array(g.positions * g.patchSize)
    let before = numbers.array(g.imageSize)
    for group in 0..<g.groups {
      var wanted = before
      Self.forEachElement(g, group) { position, element, at in
        if let at { wanted[at] += columns[position * g.patchSize + element] }
      }
      let image = Buffer<T>(before)
      columnsToImage(T.self, g, group, Buffer<T>(columns).pointer, image.pointer)
      expectClose(T.self, image.values, wanted, units: 16, "\(g)")
    }
  }

  func testColumnsAreAddedBack() {
    for g in Self.geometries { for type in scalarTypes { checkImage(type, g) } }
  }
}
