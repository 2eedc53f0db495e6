import XCTest

@testable import Kernels

/// What is chosen where, held to what was measured and not to the code that chooses.
final class ConvolutionChoiceTests: XCTestCase {
  /// With what AVX-512 adds and without, whatever this processor has: none of them is run.
  private static let kernels: [ConvolutionKernels] = {
    let base = ConvolutionKernels.all(.float32)[0]
    let wide = ConvolutionKernels(
      dtype: .float32, pixels: base.pixels, weightGradient: base.weightGradient, fillPlanes: base.fillPlanes,
      shiftPlanes: base.shiftPlanes, convolvePlanes: base.convolvePlanes, planeGradient: base.planeGradient,
      takesNeighbors: true, tallestPlanes: base.tallestPlanes,
      tallestGradientPlanes: base.tallestGradientPlanes, planeLanes: 16,
      lanes: ConvolutionKernels.Lanes(
        fill: { _, _, _, _, _ in }, drain: { _, _, _, _, _, _ in }, convolve: { _ in }, tallest: 6))
    return [base, wide]
  }()

  /// An algorithm, and for direct sums the vectors of their passes.
  private enum Chosen: Equatable {
    case patches, winograd, depthwise, outputs, planes, images, mixed
  }

  private struct Layer {
    let kernel: Int, channels: Int, outputs: Int, size: Int
    var stride = 1, padding = 0, groups = 1, images = 32

    var geometry: WindowGeometry {
      WindowGeometry(
        height: size, width: size, channels: channels, kernel: (kernel, kernel), stride: (stride, stride),
        padding: (padding, padding), groups: groups)
    }

    func forward(_ kernels: ConvolutionKernels) -> Chosen {
      let passes = (0..<groups).map { TapPass(forward: geometry, outputs, $0) }
      return chosen(kernels, ConvolutionChoice.forward(.float32, geometry, images, outputs), passes)
    }

    func inputGradient(_ kernels: ConvolutionKernels) -> Chosen {
      chosen(
        kernels, ConvolutionChoice.inputGradient(.float32, geometry, images, outputs, kernels),
        TapPass.inputGradient(geometry, outputs).filter { $0.depth > 0 })
    }

    var weightGradient: Chosen {
      switch (ConvolutionChoice.weightGradient(geometry, outputs), pass.gradientVectors()) {
      case (.depthwise, _): .depthwise
      case (.patches, _): .patches
      case (.winograd, _): .winograd
      case (.direct, .outputs): .outputs
      case (.direct, .planes): .planes
      case (.direct, .images): .images
      }
    }

    var pass: TapPass { TapPass(forward: geometry, outputs, 0) }

    private func chosen(_ kernels: ConvolutionKernels, _ choice: ConvolutionChoice, _ passes: [TapPass])
      -> Chosen
    {
      switch choice {
      case .patches: return .patches
      case .winograd: return .winograd
      case .depthwise: return .depthwise
      case .direct:
        let vectors = Set(passes.map { $0.vectors(kernels, images) })
        guard vectors.count == 1 else { return .mixed }
        return vectors == [.outputs] ? .outputs : vectors == [.planes] ? .planes : .images
      }
    }
  }

  /// The layers of `benchmarks/convolution.py` at batch 32. Where vectors have sixteen lanes, those of images are used;
  /// `without` is what they replaced. Input gradients of first layers are never computed in training.
  func testLayersOfKnownNetworks() {
    struct Row {
      let layer: Layer
      let forward: Chosen
      var forwardWithout: Chosen?
      var inputGradient: Chosen?
      var inputGradientWithout: Chosen?
      let weightGradient: Chosen
    }
    func square(_ channels: Int, _ size: Int) -> Row {
      Row(
        layer: Layer(kernel: 3, channels: channels, outputs: channels, size: size, padding: 1),
        forward: .winograd, inputGradient: .winograd, weightGradient: .outputs)
    }
    let rows = [
      // 119 and 104 GF/s for 31 and 39
      Row(
        layer: Layer(kernel: 5, channels: 1, outputs: 6, size: 28, padding: 2), forward: .planes,
        weightGradient: .planes),
      // its input gradient 1.6 times as fast by planes, 2.2 by images
      Row(
        layer: Layer(kernel: 5, channels: 6, outputs: 16, size: 14), forward: .outputs,
        inputGradient: .images, inputGradientWithout: .planes, weightGradient: .outputs),
      // 163 and 133 for 79 and 87
      Row(
        layer: Layer(kernel: 5, channels: 1, outputs: 20, size: 28), forward: .planes, weightGradient: .planes
      ),
      // 1.22 by images; 132 for 63 by patches, and by images 1.04 again
      Row(
        layer: Layer(kernel: 5, channels: 20, outputs: 50, size: 12), forward: .images,
        forwardWithout: .outputs, inputGradient: .images, inputGradientWithout: .patches,
        weightGradient: .outputs),
      // 153 for 128; its weight gradient 117 for 129
      Row(
        layer: Layer(kernel: 3, channels: 3, outputs: 16, size: 32, padding: 1), forward: .planes,
        weightGradient: .outputs),
      Row(
        layer: Layer(kernel: 3, channels: 16, outputs: 16, size: 32, padding: 1), forward: .outputs,
        inputGradient: .outputs, weightGradient: .outputs),
      Row(
        layer: Layer(kernel: 3, channels: 16, outputs: 32, size: 32, stride: 2, padding: 1),
        forward: .outputs, inputGradient: .outputs, weightGradient: .outputs),
      Row(
        layer: Layer(kernel: 1, channels: 64, outputs: 128, size: 32, stride: 2), forward: .outputs,
        inputGradient: .outputs, weightGradient: .outputs),
      square(32, 16), square(64, 32), square(128, 16), square(256, 8), square(512, 4),
    ]
    for kernels in Self.kernels {
      let lanes = kernels.lanes != nil
      for row in rows {
        let label = "\(row.layer), lanes for images: \(lanes)"
        XCTAssertEqual(
          row.layer.forward(kernels), lanes ? row.forward : row.forwardWithout ?? row.forward, label)
        if let wanted = row.inputGradient {
          XCTAssertEqual(
            row.layer.inputGradient(kernels), lanes ? wanted : row.inputGradientWithout ?? wanted, label)
        }
        XCTAssertEqual(row.layer.weightGradient, row.weightGradient, label)
      }
    }
  }

  /// Transforms would lose digits that float64 is chosen for.
  func testDoublesTakeNoTransforms() {
    for layer in [
      Layer(kernel: 3, channels: 64, outputs: 64, size: 32, padding: 1),
      Layer(kernel: 5, channels: 1, outputs: 6, size: 28),
    ] {
      let g = layer.geometry
      XCTAssertEqual(ConvolutionChoice.forward(.float64, g, layer.images, layer.outputs), .direct)
      XCTAssertEqual(ConvolutionChoice.inputGradient(.float64, g, layer.images, layer.outputs), .direct)
    }
  }

  /// The rates of Winograd's convolution over the direct one, as measured (docs/convolution.md): where it is a tenth
  /// faster or slower, the choice is that of the measurement. 16-16 is left to the direct kernels: at 2x2 and 9x9 it loses.
  func testWinogradIsChosenWhereItWasMeasuredToWin() {
    let shapes = [(1, 4), (1, 8), (16, 4), (1, 16), (16, 9), (32, 2)]
    let measured: [(channels: Int, rates: [Double])] = [
      (24, [0.81, 1.07, 1.53, 1.39, 1.28, 0.93]), (32, [0.86, 1.09, 1.62, 1.58, 1.50, 1.04]),
      (48, [0.79, 1.21, 1.86, 1.85, 1.62, 1.06]), (64, [0.74, 1.20, 2.05, 2.04, 1.93, 1.22]),
      (128, [0.51, 1.14, 2.26, 2.25, 1.93, 1.35]), (256, [0.51, 1.04, 1.48, 1.43, 1.88, 1.02]),
    ]
    func check(_ channels: Int, _ outputs: Int, _ size: Int, _ images: Int, _ rate: Double) {
      let layer = Layer(
        kernel: 3, channels: channels, outputs: outputs, size: size, padding: 1, images: images)
      for kernels in Self.kernels {
        XCTAssertEqual(layer.forward(kernels) == .winograd, rate > 1, "\(layer) \(rate)")
        XCTAssertEqual(layer.inputGradient(kernels) == .winograd, rate > 1, "\(layer) \(rate)")
      }
    }
    for (channels, rates) in measured {
      for ((images, size), rate) in zip(shapes, rates) where abs(rate - 1) >= 0.1 {
        check(channels, channels, size, images, rate)
      }
    }
    for (images, rate) in [(1, 0.31), (8, 0.80), (16, 1.10), (32, 1.6)] { check(512, 512, 4, images, rate) }
    for (channels, outputs, rate) in [(16, 32, 1.5), (16, 64, 1.8), (32, 16, 1.3), (64, 16, 1.6)] {
      check(channels, outputs, 16, 8, rate)
    }
    for (images, size) in shapes { check(16, 16, size, images, 0) }
    check(3, 64, 32, 32, 0)
    for (size, images) in [(1, 100), (0, 100), (8, 0)] { check(64, 64, size, images, 0) }
  }

  /// An output that sees nothing but padding is exactly zero, and so is the gradient of a pixel that none sees.
  func testWinogradLeavesWidePaddingAlone() {
    let kernels = ConvolutionKernels.all(.float32)[0]
    func chosen(_ padding: Int) -> [Chosen] {
      let layer = Layer(kernel: 3, channels: 64, outputs: 64, size: 8, padding: padding, images: 8)
      return [layer.forward(kernels), layer.inputGradient(kernels)]
    }
    XCTAssertEqual(chosen(0), [.winograd, .winograd])
    XCTAssertEqual(chosen(2), [.winograd, .winograd])
    XCTAssertEqual(chosen(3), [.outputs, .winograd])
  }

  func testWhatWinogradHasNoKernelsFor() {
    var g = Layer(kernel: 3, channels: 64, outputs: 64, size: 8, padding: 1).geometry
    XCTAssertTrue(WinogradPass.allows(g, 64))
    XCTAssertFalse(WinogradPass.allows(g, 15))
    g.strideX = 2
    XCTAssertFalse(WinogradPass.allows(g, 64))
    (g.strideX, g.dilationY) = (1, 2)
    XCTAssertFalse(WinogradPass.allows(g, 64))
    (g.dilationY, g.groups) = (1, 2)
    XCTAssertFalse(WinogradPass.allows(g, 64))
    (g.groups, g.kernelHeight) = (1, 1)
    XCTAssertFalse(WinogradPass.allows(g, 64))
  }

  /// A lane for each image: 50 of 64 lanes of outputs used are beaten by 30 of 32, not by 29. Full vectors, and up to
  /// three channels, stay.
  func testLanesOfImages() {
    for kernels in Self.kernels where kernels.lanes != nil {
      func chosen(_ channels: Int, _ outputs: Int, _ images: Int) -> Chosen {
        Layer(kernel: 5, channels: channels, outputs: outputs, size: 12, images: images).forward(kernels)
      }
      for images in [15, 16, 30, 31, 32, 64] { XCTAssertEqual(chosen(20, 50, images), .images, "\(images)") }
      for images in [1, 8, 14, 17, 28, 29, 33] {
        XCTAssertEqual(chosen(20, 50, images), .outputs, "\(images)")
      }
      // 27 of 32 lanes are 84 %, 28 are 88 %.
      XCTAssertEqual(
        [chosen(20, 27, 64), chosen(20, 28, 64), chosen(20, 32, 64)], [.images, .outputs, .outputs])
      XCTAssertEqual([chosen(4, 6, 64), chosen(3, 6, 64)], [.images, .planes])
      // Outputs of a group do not lie together.
      XCTAssertEqual(
        Layer(kernel: 5, channels: 40, outputs: 100, size: 12, groups: 2).forward(kernels), .outputs)
    }
  }

  /// Few channels or few outputs over at least 64 places. Eight images leave half of their lanes idle.
  func testPlanes() {
    for kernels in Self.kernels {
      func chosen(_ channels: Int, _ outputs: Int, _ size: Int = 12, stride: Int = 1) -> Chosen {
        Layer(kernel: 5, channels: channels, outputs: outputs, size: size, stride: stride, images: 8)
          .forward(kernels)
      }
      for (channels, outputs) in [(1, 1), (1, 24), (3, 24), (4, 12), (16, 6), (64, 12)] {
        XCTAssertEqual(chosen(channels, outputs), .planes, "\(channels) \(outputs)")
      }
      for (channels, outputs) in [(1, 25), (4, 13), (4, 24), (65, 12), (64, 64)] {
        XCTAssertEqual(chosen(channels, outputs), .outputs, "\(channels) \(outputs)")
      }
      XCTAssertEqual([chosen(1, 6, 11), chosen(1, 6, 40, stride: 2)], [.outputs, .outputs])
    }
  }

  /// 1-6 and 1-20 gain, 3-16 does not.
  func testPlanesOfWeightGradients() {
    func chosen(_ channels: Int, _ outputs: Int, _ size: Int = 12) -> Chosen {
      Layer(kernel: 5, channels: channels, outputs: outputs, size: size).weightGradient
    }
    for (channels, outputs) in [(1, 6), (1, 10), (3, 17), (1, 24), (16, 6)] {
      XCTAssertEqual(chosen(channels, outputs), .planes, "\(channels) \(outputs)")
    }
    for (channels, outputs) in [(1, 11), (3, 16), (1, 25), (16, 16), (20, 50), (65, 6)] {
      XCTAssertEqual(chosen(channels, outputs), .outputs, "\(channels) \(outputs)")
    }
    XCTAssertEqual(chosen(1, 6, 11), .outputs)
  }

  /// The input gradient of 5x5 without padding over 12 x 12 wants 64 of the 144 places that direct sums visit: 0.44; over
  /// 13 x 13 it wants 0.48.
  func testPatchesWhereDirectSumsAreMostlyWasted() {
    for kernels in Self.kernels {
      func chosen(_ channels: Int, _ size: Int, groups: Int = 1, images: Int = 8) -> Chosen {
        Layer(kernel: 5, channels: channels, outputs: 64 * groups, size: size, groups: groups, images: images)
          .inputGradient(kernels)
      }
      XCTAssertEqual(chosen(32, 12), .patches)
      XCTAssertEqual(chosen(32, 13), .outputs)
      XCTAssertEqual(chosen(64, 12, groups: 2), .outputs)
      XCTAssertEqual(chosen(20, 12), .patches)
      XCTAssertEqual(chosen(20, 12, images: 32), kernels.lanes != nil ? .images : .patches)
      // Six channels fill 6 of 16 lanes but all of planes: 0.51 of the products over 14 x 14 are wanted then.
      XCTAssertEqual(chosen(6, 14), .planes)
      XCTAssertEqual(chosen(6, 7), .patches)
      // Of one channel a patch is a column.
      XCTAssertEqual(chosen(1, 7), .outputs)
    }
  }

  /// Three or five taps of a row together where the processor has the registers and outputs fill one vector.
  func testTapsTogether() {
    func pass(_ kernel: Int, _ channels: Int, _ outputs: Int, stride: Int = 1, dilation: Int = 1) -> TapPass {
      TapPass(
        forward: WindowGeometry(
          height: 16, width: 16, channels: channels, kernel: (kernel, kernel), stride: (stride, stride),
          padding: (1, 1), dilation: (dilation, dilation)), outputs, 0)
    }
    for kernels in Self.kernels {
      let able = kernels.takesNeighbors
      for (pass, wanted) in [
        (pass(3, 16, 16), 3), (pass(5, 6, 16), 5), (pass(3, 16, 17), 1), (pass(4, 16, 16), 1),
        (pass(1, 16, 16), 1), (pass(3, 16, 16, stride: 2), 1), (pass(3, 16, 16, dilation: 2), 1),
        (pass(3, 16, 16, stride: 2, dilation: 2), 3),
      ] {
        XCTAssertEqual(pass.tapsTogether(kernels), able ? wanted : 1, "\(pass)")
      }
      for gains in [pass(3, 64, 64), pass(3, 32, 32), pass(3, 16, 16), pass(3, 4, 50)] {
        XCTAssertEqual(gains.gradientTakesNeighbors(kernels), able, "\(gains)")
      }
      for other in [pass(3, 3, 16), pass(5, 16, 16), pass(3, 16, 16, stride: 2, dilation: 2)] {
        XCTAssertFalse(other.gradientTakesNeighbors(kernels), "\(other)")
      }
    }
  }
}
