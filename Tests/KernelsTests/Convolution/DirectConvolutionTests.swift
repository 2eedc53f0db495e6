import TestSupport
import XCTest

@testable import Kernels

/// The direct kernels of every instruction set that this processor has, by vectors along outputs, against loops.
final class DirectConvolutionTests: XCTestCase {
  private func check(_ p: ConvolutionProblem, accumulate: Bool) {
    func check<T: Scalar>(_: T.Type) {
      for (i, kernels) in ConvolutionKernels.all(T.dtype).enumerated() {
        p.check(
          T.self, accumulate: accumulate,
          { directForward(T.self, kernels, $0, $1, $2, $3, $4, $5, $6, .outputs) },
          { directInputGradient(T.self, kernels, $0, $1, $2, $3, $4, $5, $6, .outputs) },
          { directWeightGradient(T.self, kernels, $0, $1, $2, $3, $4, $5, $6, .outputs) }, "kernels \(i)")
      }
    }
    for type in scalarTypes { check(type) }
  }

  /// Columns around the widths of one and two vectors, with and without padding.
  func testNumbersOfChannelsAndOutputs() {
    for (channels, outputs) in [(1, 10), (3, 16), (5, 17), (16, 20), (17, 32), (33, 33), (2, 50), (64, 64)] {
      for padding in [0, 1] {
        let g = WindowGeometry(
          height: 5, width: 6, channels: channels, kernel: (3, 3), stride: (1, 1), padding: (padding, padding)
        )
        check(ConvolutionProblem(g, images: 2, outputs: outputs), accumulate: padding == 1)
      }
    }
  }

  /// Rows of pixels around the tile of four, and more images than fit into one task.
  func testWidthsAndNumbersOfImages() {
    for width in 1...13 {
      let g = WindowGeometry(
        height: 3, width: width, channels: 2, kernel: (2, 1), stride: (1, 1), padding: (0, 0))
      check(ConvolutionProblem(g, images: width % 3 * 20, outputs: 5), accumulate: width % 2 == 0)
    }
  }

  func testRandomGeometries() {
    var numbers = Numbers(seed: 21)
    for _ in 0..<60 {
      func upTo(_ most: Int) -> Int { 1 + numbers.integer(below: most) }
      let (kernel, dilation) = ((upTo(5), upTo(5)), (upTo(3), upTo(3)))
      let padding = (upTo(4) - 1, upTo(4) - 1)
      let groups = upTo(3)
      let g = WindowGeometry(
        height: max(upTo(9), (kernel.0 - 1) * dilation.0 + 1 - 2 * padding.0),
        width: max(upTo(9), (kernel.1 - 1) * dilation.1 + 1 - 2 * padding.1), channels: groups * upTo(6),
        kernel: kernel, stride: (upTo(3), upTo(3)), padding: padding, dilation: dilation, groups: groups)
      check(ConvolutionProblem(g, images: upTo(4) - 1, outputs: groups * upTo(36)), accumulate: upTo(2) == 1)
    }
  }

  /// Kernels whose rows have three or five taps that read the pixels of neighboring outputs, side by side or, with a
  /// stride, as far apart; windows that lie beyond the image wholly or in part.
  func testNeighboringTaps() {
    var numbers = Numbers(seed: 23)
    for i in 0..<80 {
      func upTo(_ most: Int) -> Int { 1 + numbers.integer(below: most) }
      let kernel = (upTo(4), i % 3 == 0 ? 5 : 3)
      let step = i % 5 == 0 ? 2 : 1
      let padding = (upTo(4) - 1, upTo(6) - 1)
      let groups = i % 7 == 0 ? 2 : 1
      let g = WindowGeometry(
        height: max(upTo(9), kernel.0 - 2 * padding.0),
        width: max(upTo(40), (kernel.1 - 1) * step + 1 - 2 * padding.1), channels: groups * upTo(20),
        kernel: kernel, stride: (1 + i % 2, step), padding: padding, dilation: (1, step), groups: groups)
      check(ConvolutionProblem(g, images: upTo(5), outputs: groups * upTo(36)), accumulate: i % 2 == 0)
    }
  }

  /// Weight gradients read four numbers at a time: where a window's row has fewer, they read a copy, which has room.
  func testShortRowsOfWindowsAreCopied() {
    for (channels, kernel, inside) in [
      (1, 3, false), (1, 5, true), (3, 1, false), (4, 1, true), (2, 2, true),
    ] {
      let g = WindowGeometry(
        height: 8, width: 8, channels: channels, kernel: (kernel, kernel), stride: (1, 1), padding: (0, 0))
      let pass = TapPass(forward: g, 5, 0)
      XCTAssertEqual(
        InputLayout(pass, rows: 2, lanes: 8, spread: true).inside, inside, "\(channels) \(kernel)")
      XCTAssertTrue(InputLayout(pass, rows: 2, lanes: 8).inside)
    }
  }

  func testNoChannelsAndNoOutputs() {
    let none = WindowGeometry(
      height: 3, width: 4, channels: 0, kernel: (2, 2), stride: (1, 1), padding: (0, 0))
    let some = WindowGeometry(
      height: 3, width: 4, channels: 2, kernel: (2, 2), stride: (1, 1), padding: (0, 0))
    for accumulate in [false, true] {
      check(ConvolutionProblem(none, images: 2, outputs: 3), accumulate: accumulate)
      check(ConvolutionProblem(some, images: 2, outputs: 0), accumulate: accumulate)
    }
  }

  /// A NaN in one image reaches no other, whatever the tiles read beyond their own.
  func testNaNStaysInItsImage() {
    let g = WindowGeometry(height: 3, width: 3, channels: 3, kernel: (2, 2), stride: (1, 1), padding: (1, 1))
    let p = ConvolutionProblem(g, images: 3, outputs: 5)
    var x = p.x
    for i in (2 * g.imageSize)..<(3 * g.imageSize) { x[i] = .nan }
    func check<T: Scalar>(_: T.Type) {
      for kernels in ConvolutionKernels.all(T.dtype) {
        let y = Buffer<T>(count: p.gy.count)
        directForward(
          T.self, kernels, g, 3, 5, Buffer<T>(x).pointer, Buffer<T>(p.w).pointer, y.pointer, false, .outputs)
        let perImage = g.positions * 5
        XCTAssertTrue(y.values[..<(2 * perImage)].allSatisfy { $0.isFinite })
        XCTAssertTrue(y.values[(2 * perImage)...].allSatisfy { $0.isNaN })
      }
    }
    for type in scalarTypes { check(type) }
  }
}
