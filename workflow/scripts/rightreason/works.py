"""Works that a study may have to cite.

A DOI stands only where it was looked up; a work without one is named by venue and pages.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Work:
    """A work to cite; `where` names journal or venue, volume and pages; software has no year."""

    authors: str
    title: str
    where: str
    year: int | None
    doi: str = ""

    def __str__(self) -> str:
        """Return the entry of a list of references."""
        doi = f" doi:{self.doi}" if self.doi else ""
        where = f"{self.where}, {self.year}" if self.year else self.where
        return f"{self.authors}. {self.title}. {where}.{doi}"


WORKS = {
    "question": Work(
        "Zeng Y, et al",
        "Inconsistency between human observation and deep learning models: assessing validity of "
        "postmortem computed tomography diagnosis of drowning",
        "Journal of Imaging Informatics in Medicine", 2024, "10.1007/s10278-024-00974-6",
    ),
    "dcm2niix": Work(
        "Li X, Morgan PS, Ashburner J, Smith J, Rorden C",
        "The first step for neuroimaging data analysis: DICOM to NIfTI conversion",
        "Journal of Neuroscience Methods 264:47–56", 2016, "10.1016/j.jneumeth.2016.03.001",
    ),
    "nibabel": Work(
        "Brett M, Markiewicz CJ, Hanke M, et al", "NiBabel", "Software, Zenodo", None,
        "10.5281/zenodo.591597",
    ),
    "AlexNet": Work(
        "Krizhevsky A, Sutskever I, Hinton GE",
        "ImageNet classification with deep convolutional neural networks",
        "Advances in Neural Information Processing Systems 25:1097–1105", 2012,
    ),
    "VGG": Work(
        "Simonyan K, Zisserman A",
        "Very deep convolutional networks for large-scale image recognition",
        "International Conference on Learning Representations, arXiv:1409.1556", 2015,
    ),
    "DenseNet": Work(
        "Huang G, Liu Z, van der Maaten L, Weinberger KQ",
        "Densely connected convolutional networks",
        "IEEE Conference on Computer Vision and Pattern Recognition, 2261–2269", 2017,
        "10.1109/CVPR.2017.243",
    ),
    "EfficientNet": Work(
        "Tan M, Le QV", "EfficientNet: rethinking model scaling for convolutional neural networks",
        "International Conference on Machine Learning, PMLR 97:6105–6114", 2019,
    ),
    "ResNet": Work(
        "He K, Zhang X, Ren S, Sun J", "Deep residual learning for image recognition",
        "IEEE Conference on Computer Vision and Pattern Recognition, 770–778", 2016,
        "10.1109/CVPR.2016.90",
    ),
    "SEResNet": Work(
        "Hu J, Shen L, Sun G", "Squeeze-and-excitation networks",
        "IEEE/CVF Conference on Computer Vision and Pattern Recognition, 7132–7141", 2018,
        "10.1109/CVPR.2018.00745",
    ),
    "monai": Work(
        "Cardoso MJ, Li W, Brown R, et al",
        "MONAI: an open-source framework for deep learning in healthcare", "arXiv:2211.02701", 2022,
    ),
    "pytorch": Work(
        "Paszke A, Gross S, Massa F, et al",
        "PyTorch: an imperative style, high-performance deep learning library",
        "Advances in Neural Information Processing Systems 32:8024–8035", 2019,
    ),
    "lightning": Work(
        "Falcon W, The PyTorch Lightning team", "PyTorch Lightning", "Software, Zenodo", 2019,
        "10.5281/zenodo.3828935",
    ),
    "youden": Work(
        "Youden WJ", "Index for rating diagnostic tests", "Cancer 3(1):32–35", 1950,
        "10.1002/1097-0142(1950)3:1<32::AID-CNCR2820030106>3.0.CO;2-3",
    ),
    "gradcam": Work(
        "Selvaraju RR, Cogswell M, Das A, Vedantam R, Parikh D, Batra D",
        "Grad-CAM: visual explanations from deep networks via gradient-based localization",
        "IEEE International Conference on Computer Vision, 618–626", 2017, "10.1109/ICCV.2017.74",
    ),
    "randomisation": Work(
        "Adebayo J, Gilmer J, Muelly M, Goodfellow I, Hardt M, Kim B",
        "Sanity checks for saliency maps",
        "Advances in Neural Information Processing Systems 31:9505–9515", 2018,
    ),
    "faithfulness": Work(
        "Petsiuk V, Das A, Saenko K",
        "RISE: randomized input sampling for explanation of black-box models",
        "British Machine Vision Conference, arXiv:1806.07421", 2018,
    ),
    "hirescam": Work(
        "Draelos RL, Carin L",
        "Use HiResCAM instead of Grad-CAM for faithful explanations of convolutional neural "
        "networks", "arXiv:2011.08891", 2020,
    ),
    "gradcam++": Work(
        "Chattopadhay A, Sarkar A, Howlader P, Balasubramanian VN",
        "Grad-CAM++: generalized gradient-based visual explanations for deep convolutional "
        "networks",
        "IEEE Winter Conference on Applications of Computer Vision, 839–847", 2018,
        "10.1109/WACV.2018.00097",
    ),
    "layercam": Work(
        "Jiang PT, Zhang CB, Hou Q, Cheng MM, Wei Y",
        "LayerCAM: exploring hierarchical class activation maps for localization",
        "IEEE Transactions on Image Processing 30:5875–5888", 2021, "10.1109/TIP.2021.3089943",
    ),
    "xgradcam": Work(
        "Fu R, Hu Q, Dong X, Guo Y, Gao Y, Li B",
        "Axiom-based Grad-CAM: towards accurate visualization and explanation of CNNs",
        "British Machine Vision Conference", 2020,
    ),
    "eigencam": Work(
        "Muhammad MB, Yeasin M", "Eigen-CAM: class activation map using principal components",
        "International Joint Conference on Neural Networks", 2020,
        "10.1109/IJCNN48605.2020.9206626",
    ),
    "scorecam": Work(
        "Wang H, Wang Z, Du M, et al",
        "Score-CAM: score-weighted visual explanations for convolutional neural networks",
        "IEEE/CVF Conference on Computer Vision and Pattern Recognition Workshops, 111–119", 2020,
        "10.1109/CVPRW50498.2020.00020",
    ),
    "ablationcam": Work(
        "Desai S, Ramaswamy HG",
        "Ablation-CAM: visual explanations for deep convolutional network via gradient-free "
        "localization",
        "IEEE Winter Conference on Applications of Computer Vision, 972–980", 2020,
        "10.1109/WACV45572.2020.9093360",
    ),
    "gradient": Work(
        "Simonyan K, Vedaldi A, Zisserman A",
        "Deep inside convolutional networks: visualising image classification models and saliency "
        "maps", "International Conference on Learning Representations, Workshop", 2014,
    ),
    "input_x_gradient": Work(
        "Shrikumar A, Greenside P, Shcherbina A, Kundaje A",
        "Not just a black box: learning important features through propagating activation "
        "differences", "arXiv:1605.01713", 2016,
    ),
    "integrated_gradients": Work(
        "Sundararajan M, Taly A, Yan Q", "Axiomatic attribution for deep networks",
        "International Conference on Machine Learning, PMLR 70:3319–3328", 2017,
    ),
    "smoothgrad": Work(
        "Smilkov D, Thorat N, Kim B, Viégas F, Wattenberg M",
        "SmoothGrad: removing noise by adding noise", "arXiv:1706.03825", 2017,
    ),
    "gradient_shap": Work(
        "Lundberg SM, Lee SI", "A unified approach to interpreting model predictions",
        "Advances in Neural Information Processing Systems 30:4765–4774", 2017,
    ),
    "occlusion": Work(
        "Zeiler MD, Fergus R", "Visualizing and understanding convolutional networks",
        "European Conference on Computer Vision, LNCS 8689:818–833", 2014,
        "10.1007/978-3-319-10590-1_53",
    ),
    "guided_backprop": Work(
        "Springenberg JT, Dosovitskiy A, Brox T, Riedmiller M",
        "Striving for simplicity: the all convolutional net",
        "International Conference on Learning Representations, Workshop", 2015,
    ),
    "captum": Work(
        "Kokhlikyan N, Miglani V, Martin M, et al",
        "Captum: a unified and generic model interpretability library for PyTorch",
        "arXiv:2009.07896", 2020,
    ),
    "otsu": Work(
        "Otsu N", "A threshold selection method from gray-level histograms",
        "IEEE Transactions on Systems, Man, and Cybernetics 9(1):62–66", 1979,
        "10.1109/TSMC.1979.4310076",
    ),
    "staple": Work(
        "Warfield SK, Zou KH, Wells WM",
        "Simultaneous truth and performance level estimation (STAPLE): an algorithm for the "
        "validation of image segmentation",
        "IEEE Transactions on Medical Imaging 23(7):903–921", 2004, "10.1109/TMI.2004.828354",
    ),
    "pointing": Work(
        "Zhang J, Bargal SA, Lin Z, Brandt J, Shen X, Sclaroff S",
        "Top-down neural attention by excitation backprop",
        "International Journal of Computer Vision 126(10):1084–1102", 2018,
        "10.1007/s11263-017-1059-x",
    ),
    "delong": Work(
        "DeLong ER, DeLong DM, Clarke-Pearson DL",
        "Comparing the areas under two or more correlated receiver operating characteristic "
        "curves: a nonparametric approach", "Biometrics 44(3):837–845", 1988, "10.2307/2531595",
    ),
    "obuchowski": Work(
        "Obuchowski NA", "Nonparametric analysis of clustered ROC curve data",
        "Biometrics 53(2):567–578", 1997, "10.2307/2533958",
    ),
    "newcombe": Work(
        "Newcombe RG",
        "Confidence intervals for an effect size measure based on the Mann–Whitney statistic. "
        "Part 2: asymptotic methods and evaluation", "Statistics in Medicine 25(4):559–573", 2006,
        "10.1002/sim.2324",
    ),
    "wilson": Work(
        "Wilson EB", "Probable inference, the law of succession, and statistical inference",
        "Journal of the American Statistical Association 22(158):209–212", 1927,
        "10.1080/01621459.1927.10502953",
    ),
    "efron": Work(
        "Efron B", "Better bootstrap confidence intervals",
        "Journal of the American Statistical Association 82(397):171–185", 1987,
        "10.1080/01621459.1987.10478410",
    ),
    "hesterberg": Work(
        "Hesterberg TC",
        "What teachers should know about the bootstrap: resampling in the undergraduate "
        "statistics curriculum", "The American Statistician 69(4):371–386", 2015,
        "10.1080/00031305.2015.1089789",
    ),
    "holm": Work(
        "Holm S", "A simple sequentially rejective multiple test procedure",
        "Scandinavian Journal of Statistics 6(2):65–70", 1979,
    ),
    "hedges": Work(
        "Hedges LV", "Distribution theory for Glass’s estimator of effect size and related "
        "estimators", "Journal of Educational Statistics 6(2):107–128", 1981,
        "10.3102/10769986006002107",
    ),
    "fleiss": Work(
        "Fleiss JL", "Measuring nominal scale agreement among many raters",
        "Psychological Bulletin 76(5):378–382", 1971, "10.1037/h0031619",
    ),
    "krippendorff": Work(
        "Hayes AF, Krippendorff K",
        "Answering the call for a standard reliability measure for coding data",
        "Communication Methods and Measures 1(1):77–89", 2007, "10.1080/19312450709336664",
    ),
    "snakemake": Work(
        "Mölder F, Jablonski KP, Letcher B, et al",
        "Sustainable data analysis with Snakemake", "F1000Research 10:33", 2021,
        "10.12688/f1000research.29032.2",
    ),
    "niivue": Work(
        "The NiiVue developers", "NiiVue, a viewer of medical images in the browser",
        "Software, github.com/niivue/niivue", None,
    ),
    "highdicom": Work(
        "Bridge CP, Gorman C, Pieper S, et al",
        "Highdicom: a Python library for standardized encoding of image annotations and machine "
        "learning model outputs in pathology and radiology",
        "Journal of Digital Imaging 35(6):1719–1737", 2022, "10.1007/s10278-022-00683-y",
    ),
}  # fmt: skip
"""Every work that a study may have to cite."""
