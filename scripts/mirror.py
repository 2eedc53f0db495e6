"""Sources and suites without their mirror: Sources/X/Y.swift <-> Tests/XTests/YTests.swift, and Python."""

import sys
from pathlib import Path

import python_mirror

ROOT = Path(__file__).resolve().parents[1]

CONVOLUTION = "Tests/KernelsTests/Convolution"
RECURRENT = "Tests/KernelsTests/Recurrent/RecurrentLayerTests.swift"
DIRECT = f"{CONVOLUTION}/DirectConvolutionTests.swift"

# One table-driven suite covers what is declared in one form: source or folder -> suite.
COVERED = {
    "Sources/Autodiff/Ops": "Tests/AutodiffTests/CatalogueTests.swift",
    "Sources/Autodiff/Ops/Dropout.swift": "Tests/AutodiffTests/Ops/DropoutTests.swift",
    "Sources/MicroKernels": "Tests/KernelsTests/Product/GemmKernelsTests.swift",
    "Sources/Kernels/Pointwise": "Tests/KernelsTests/Pointwise/PointwiseTests.swift",
    "Sources/Autodiff/BilinearOp.swift": "Tests/AutodiffTests/CatalogueTests.swift",
    "Sources/Autodiff/LinearOp.swift": "Tests/AutodiffTests/CatalogueTests.swift",
    "Sources/Autodiff/Op.swift": "Tests/AutodiffTests/CatalogueTests.swift",
    "Sources/Autodiff/PointwiseOp.swift": "Tests/AutodiffTests/CatalogueTests.swift",
    "Sources/Autodiff/Catalogue.swift": "Tests/AutodiffTests/CatalogueTests.swift",
    "Sources/Kernels/Convolution/ConvolutionKernels.swift": DIRECT,
    "Sources/Kernels/Convolution/DirectConvolution+Weights.swift": DIRECT,
    "Sources/MicroKernels/ConvolutionTiles.swift": DIRECT,
    "Sources/MicroKernels/Draws.swift": "Tests/KernelsTests/Random/DropoutTests.swift",
    "Sources/MicroKernels/GeluTiles.swift": "Tests/KernelsTests/Pointwise/GeluKernelsTests.swift",
    "Sources/Kernels/Pointwise/GeluKernels.swift": "Tests/KernelsTests/Pointwise/GeluKernelsTests.swift",
    "Sources/MicroKernels/PoolTiles.swift": "Tests/KernelsTests/Pooling/MaxPoolTests.swift",
    "Sources/Kernels/Convolution/WinogradKernels.swift": f"{CONVOLUTION}/WinogradConvolutionTests.swift",
    "Sources/MicroKernels/WinogradTiles.swift": f"{CONVOLUTION}/WinogradConvolutionTests.swift",
    "Sources/MicroKernels/ImageTiles.swift": f"{CONVOLUTION}/ImageConvolutionTests.swift",
    "Sources/MicroKernels/NeighborTiles.swift": DIRECT,
    "Sources/MicroKernels/PlaneTiles.swift": f"{CONVOLUTION}/PlaneConvolutionTests.swift",
    "Sources/Kernels/Recurrent/RecurrentCells.swift": RECURRENT,
    "Sources/Kernels/Lanes/SIMD16+Lane.swift": "Tests/KernelsTests/Lanes/LaneTests.swift",
    "Sources/Kernels/Lanes/SIMD8+Lane.swift": "Tests/KernelsTests/Lanes/LaneTests.swift",
    "Sources/Optimization/Directions": "Tests/OptimizationTests/DirectionTests.swift",
    "Sources/Vocabulary/Hyperparameter.swift": "Tests/OptimizationTests/RunDirectionTests.swift",
    "Sources/Optimization/AdjointKernels.swift": "Tests/OptimizationTests/RunDirectionTests.swift",
    "Sources/Optimization/TangentKernels.swift": "Tests/OptimizationTests/RunDirectionTests.swift",
    "Sources/Adaptation/ScalarMachine+Run.swift": "Tests/CInterfaceTests/MachineABITests.swift",
    "Sources/Training/Guard.swift": "Tests/TrainingTests/Optimizer+GuardTests.swift",
    "Sources/Training/EpisodeSettings.swift": "Tests/TrainingTests/EpisodeTests.swift",
    "Sources/Training/TangentColumns.swift": "Tests/TrainingTests/EpisodeTests.swift",
    "Sources/Training/Trajectory.swift": "Tests/TrainingTests/EpisodeTests.swift",
    "Sources/Optimization/MethodRule.swift": "Tests/OptimizationTests/MethodKernelsTests.swift",
    "Sources/Optimization/Methods": "Tests/OptimizationTests/MethodKernelsTests.swift",
    "Sources/Vocabulary/PassScalars.swift": "Tests/OptimizationTests/MethodKernelsTests.swift",
    "Sources/Adaptation/SearchingMachine.swift": "Tests/TrainingTests/Optimizer+SearchTests.swift",
    "Sources/Training/Memories/SearchStart.swift": "Tests/TrainingTests/Optimizer+SearchTests.swift",
    "Sources/Adaptation/DAdaptation.swift": "Tests/AdaptationTests/WholeMachineTests.swift",
    "Sources/Adaptation/MoMo.swift": "Tests/AdaptationTests/WholeMachineTests.swift",
    "Sources/Adaptation/Prodigy.swift": "Tests/AdaptationTests/WholeMachineTests.swift",
    "Sources/Adaptation/ScheduleFree.swift": "Tests/AdaptationTests/WholeMachineTests.swift",
    "Sources/Adaptation/StochasticBarzilaiBorwein.swift": "Tests/AdaptationTests/WholeMachineTests.swift",
    "Sources/Adaptation/YellowFin.swift": "Tests/AdaptationTests/WholeMachineTests.swift",
    "Sources/Adaptation/L4.swift": "Tests/AdaptationTests/GoldenTests.swift",
    "Sources/Adaptation/TLR.swift": "Tests/AdaptationTests/GoldenTests.swift",
    "Sources/Adaptation/BarzilaiBorwein.swift": "Tests/AdaptationTests/MachineTests.swift",
    "Sources/Adaptation/ConstantRate.swift": "Tests/AdaptationTests/MachineTests.swift",
    "Sources/Adaptation/DoG.swift": "Tests/AdaptationTests/MachineTests.swift",
    "Sources/Adaptation/DoWG.swift": "Tests/AdaptationTests/MachineTests.swift",
    "Sources/Adaptation/HD.swift": "Tests/AdaptationTests/MachineTests.swift",
    "Sources/Adaptation/LQA.swift": "Tests/AdaptationTests/MachineTests.swift",
    "Sources/Adaptation/OnlineMachine.swift": "Tests/TrainingTests/Optimizer+OnlineTests.swift",
    "Sources/Adaptation/MARTHE.swift": "Tests/TrainingTests/Optimizer+OnlineTests.swift",
    "Sources/Adaptation/NTLR.swift": "Tests/AdaptationTests/MachineTests.swift",
    "Sources/Adaptation/NaiveTLR.swift": "Tests/AdaptationTests/MachineTests.swift",
    "Sources/Adaptation/Newton.swift": "Tests/AdaptationTests/MachineTests.swift",
    "Sources/Adaptation/QLABGrad.swift": "Tests/AdaptationTests/MachineTests.swift",
    "Sources/Adaptation/RateCatalogue.swift": "Tests/AdaptationTests/MachineTests.swift",
    "Sources/Adaptation/RateMachine.swift": "Tests/AdaptationTests/MachineTests.swift",
    "Sources/Adaptation/SLS.swift": "Tests/AdaptationTests/MachineTests.swift",
    "Sources/Adaptation/SPS.swift": "Tests/AdaptationTests/MachineTests.swift",
}


# Suites of what no one source is responsible for.
ACROSS = {
    "Tests/AutodiffTests/AddedOperationsTests.swift",
    "Tests/AdaptationTests/AddedRateTests.swift",
    "Tests/CInterfaceTests/TrapTests.swift",
    "Tests/KernelsTests/SpecializationTests.swift",
    "Tests/OptimizationTests/AddedRuleTests.swift",
    "Tests/OptimizationTests/DualRuleTests.swift",
}


def suite_of(source: Path) -> Path:
    covering = [place for place in COVERED if source.is_relative_to(ROOT / place)]
    if covering:
        return ROOT / COVERED[max(covering, key=len)]
    module, *inner = source.relative_to(ROOT / "Sources").parts
    return ROOT.joinpath("Tests", f"{module}Tests", *inner[:-1], f"{source.stem}Tests.swift")


def main() -> int:
    sources = sorted((ROOT / "Sources").rglob("*.swift"))
    gaps = [(s, suite_of(s)) for s in sources if not suite_of(s).exists()]
    for source, suite in gaps:
        print(f"{source.relative_to(ROOT)}: no {suite.relative_to(ROOT)}")
    known = {suite_of(s) for s in sources} | {ROOT / suite for suite in ACROSS}
    suites = sorted((ROOT / "Tests").rglob("*Tests.swift"))
    orphans = [s for s in suites if s not in known]
    for suite in orphans:
        print(f"{suite.relative_to(ROOT)}: no source that it mirrors")
    stale = [place for place in [*COVERED, *ACROSS] if not (ROOT / place).exists()]
    for place in stale:
        print(f"scripts/mirror.py: {place} does not exist")
    print(f"mirror: {len(sources) - len(gaps)} of {len(sources)} sources have their tests")
    faults = list(python_mirror.faults())
    print("\n".join(faults), end="\n" if faults else "")
    return 1 if gaps or orphans or stale or faults or not sources else 0


if __name__ == "__main__":
    sys.exit(main())
