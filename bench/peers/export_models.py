"""Exports architectures with random weights to ONNX, for bench/prune-coverage.ts: torchvision's, and small ones of other kinds.

Usage: python export_models.py FOLDER [name ...]
Inputs are small where the architecture allows it, the batch is symbolic, normalisations get random statistics so that a wrong cut
cannot hide behind zeros and ones. Files that exist are left alone.
"""

import math
import os
import sys
import warnings

import torch
import torch.nn.functional as F
from torch import nn

warnings.filterwarnings("ignore")
torch.set_num_threads(2)

# A torchvision wheel of another build cannot load its native operators; for the models here their names suffice.
if os.environ.get("NAMES_ONLY"):
    library = torch.library.Library("torchvision", "DEF")
    for schema in ("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor", "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"):
        library.define(schema)
try:
    import torchvision
except RuntimeError:
    if os.environ.get("NAMES_ONLY"):
        raise
    os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, "NAMES_ONLY": "1"})
from torchvision import models as tv


class First(nn.Module):
    """Only the main output of a model that gives a dictionary or a list."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, *x):
        y = self.model(*x)
        if isinstance(y, dict):
            y = y.get("out", next(iter(y.values())))
        return y[-1] if isinstance(y, (list, tuple)) else y


class Pyramid(nn.Module):
    """A detector's trunk: ResNet-18 with a feature pyramid and a shared head."""

    def __init__(self):
        super().__init__()
        from torchvision.models.detection.backbone_utils import resnet_fpn_backbone

        self.trunk = resnet_fpn_backbone(backbone_name="resnet18", weights=None, trainable_layers=5, norm_layer=nn.BatchNorm2d)
        self.head = nn.Sequential(nn.Conv2d(256, 256, 3, padding=1), nn.ReLU(), nn.Conv2d(256, 36, 1))

    def forward(self, x):
        return torch.cat([self.head(f).flatten(2) for f in self.trunk(x).values()], 2)


def double(i, o):
    return nn.Sequential(nn.Conv2d(i, o, 3, padding=1, bias=False), nn.BatchNorm2d(o), nn.ReLU(), nn.Conv2d(o, o, 3, padding=1, bias=False), nn.BatchNorm2d(o), nn.ReLU())


class UNet(nn.Module):
    def __init__(self, transposed):
        super().__init__()
        w = [16, 32, 64, 128]
        self.down = nn.ModuleList([double(3, w[0]), double(w[0], w[1]), double(w[1], w[2])])
        self.middle = double(w[2], w[3])
        up = (lambda i, o: nn.ConvTranspose2d(i, o, 2, 2)) if transposed else (lambda i, o: nn.Sequential(nn.Upsample(scale_factor=2, mode="bilinear"), nn.Conv2d(i, o, 1)))
        self.up = nn.ModuleList([up(w[i + 1], w[i]) for i in (2, 1, 0)])
        self.join = nn.ModuleList([double(2 * w[i], w[i]) for i in (2, 1, 0)])
        self.head = nn.Conv2d(w[0], 4, 1)

    def forward(self, x):
        skips = []
        for block in self.down:
            x = block(x)
            skips.append(x)
            x = F.max_pool2d(x, 2)
        x = self.middle(x)
        for up, join, skip in zip(self.up, self.join, reversed(skips)):
            x = join(torch.cat([skip, up(x)], 1))
        return self.head(x)


def cbs(i, o, k=1, s=1):
    return nn.Sequential(nn.Conv2d(i, o, k, s, k // 2, bias=False), nn.BatchNorm2d(o), nn.SiLU())


class C2f(nn.Module):
    """The block of YOLOv8: a split, bottlenecks on one half, all of it concatenated."""

    def __init__(self, i, o, n, add):
        super().__init__()
        self.c = o // 2
        self.a, self.b, self.add = cbs(i, o), cbs((2 + n) * self.c, o), add
        self.m = nn.ModuleList([nn.Sequential(cbs(self.c, self.c, 3), cbs(self.c, self.c, 3)) for _ in range(n)])

    def forward(self, x):
        y = list(self.a(x).chunk(2, 1))
        for m in self.m:
            y.append(y[-1] + m(y[-1]) if self.add else m(y[-1]))
        return self.b(torch.cat(y, 1))


class Yolo(nn.Module):
    def __init__(self):
        super().__init__()
        self.s1 = nn.Sequential(cbs(3, 16, 3, 2), cbs(16, 32, 3, 2), C2f(32, 32, 1, True))
        self.s2 = nn.Sequential(cbs(32, 64, 3, 2), C2f(64, 64, 2, True))
        self.s3 = nn.Sequential(cbs(64, 128, 3, 2), C2f(128, 128, 1, True))
        self.sppf = cbs(128, 64), cbs(256, 128)
        self.p, self.q = self.sppf
        self.n2 = C2f(192, 64, 1, False)
        self.d = cbs(64, 64, 3, 2)
        self.n3 = C2f(192, 128, 1, False)
        self.box = nn.ModuleList([nn.Sequential(cbs(c, 64, 3), nn.Conv2d(64, 64, 1)) for c in (64, 128)])
        self.cls = nn.ModuleList([nn.Sequential(cbs(c, 64, 3), nn.Conv2d(64, 8, 1)) for c in (64, 128)])
        self.dfl = nn.Conv2d(16, 1, 1, bias=False)

    def forward(self, x):
        a = self.s2(self.s1(x))
        b = self.s3(a)
        y = [self.p(b)]
        for _ in range(3):
            y.append(F.max_pool2d(y[-1], 5, 1, 2))
        b = self.q(torch.cat(y, 1))
        m = self.n2(torch.cat([F.interpolate(b, scale_factor=2.0, mode="nearest"), a], 1))
        n = self.n3(torch.cat([self.d(m), b], 1))
        out = torch.cat([torch.cat([self.box[i](f), self.cls[i](f)], 1).flatten(2) for i, f in enumerate((m, n))], 2)
        box, cls = out.split((64, 8), 1)
        t = box.shape[-1]
        box = self.dfl(box.view(-1, 4, 16, t).transpose(2, 1).softmax(1)).view(-1, 4, t)
        return torch.cat([box, cls.sigmoid()], 1)


class Attention(nn.Module):
    def __init__(self, d, h, kv=None, causal=False, rope=False, bias=True):
        super().__init__()
        self.h, self.kv, self.k, self.causal, self.rope = h, kv or h, d // h, causal, rope
        self.wq, self.wk = nn.Linear(d, d, bias), nn.Linear(d, self.kv * self.k, bias)
        self.wv, self.wo = nn.Linear(d, self.kv * self.k, bias), nn.Linear(d, d, bias)

    def turn(self, x):
        t = x.shape[2]
        f = 10000.0 ** (-torch.arange(0, self.k, 2) / self.k)
        a = torch.arange(t)[:, None] * f[None]
        cos, sin = torch.cat([a.cos()] * 2, -1), torch.cat([a.sin()] * 2, -1)
        p, q = x.chunk(2, -1)
        return x * cos + torch.cat([-q, p], -1) * sin

    def forward(self, x):
        b, t, _ = x.shape
        q = self.wq(x).view(b, t, self.h, self.k).transpose(1, 2)
        k = self.wk(x).view(b, t, self.kv, self.k).transpose(1, 2)
        v = self.wv(x).view(b, t, self.kv, self.k).transpose(1, 2)
        if self.rope:
            q, k = self.turn(q), self.turn(k)
        if self.kv != self.h:
            g = self.h // self.kv
            k = k[:, :, None].expand(b, self.kv, g, t, self.k).reshape(b, self.h, t, self.k)
            v = v[:, :, None].expand(b, self.kv, g, t, self.k).reshape(b, self.h, t, self.k)
        s = q @ k.transpose(2, 3) / math.sqrt(self.k)
        if self.causal:
            s = s + torch.full((t, t), -1e9).triu(1)
        return self.wo((s.softmax(-1) @ v).transpose(1, 2).reshape(b, t, self.h * self.k))


class RMSNorm(nn.Module):
    def __init__(self, d):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(d))

    def forward(self, x):
        return self.weight * x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6)


class Bert(nn.Module):
    def __init__(self, d=64, h=4, n=2):
        super().__init__()
        self.word, self.place, self.norm = nn.Embedding(100, d), nn.Embedding(32, d), nn.LayerNorm(d)
        self.a = nn.ModuleList([Attention(d, h) for _ in range(n)])
        self.f = nn.ModuleList([nn.Sequential(nn.Linear(d, 4 * d), nn.GELU(), nn.Linear(4 * d, d)) for _ in range(n)])
        self.n1, self.n2 = nn.ModuleList([nn.LayerNorm(d) for _ in range(n)]), nn.ModuleList([nn.LayerNorm(d) for _ in range(n)])
        self.pool, self.head = nn.Linear(d, d), nn.Linear(d, 3)

    def forward(self, ids):
        x = self.norm(self.word(ids) + self.place(torch.arange(ids.shape[1]))[None])
        for a, f, p, q in zip(self.a, self.f, self.n1, self.n2):
            x = p(x + a(x))
            x = q(x + f(x))
        return self.head(torch.tanh(self.pool(x[:, 0])))


class Decoder(nn.Module):
    """Llama's block: RMSNorm, rotary embedding, grouped queries, SwiGLU."""

    def __init__(self, d=64, h=8, kv=4, n=2, tied=False):
        super().__init__()
        self.word = nn.Embedding(100, d)
        self.a = nn.ModuleList([Attention(d, h, kv, True, True, False) for _ in range(n)])
        self.gate, self.up = (nn.ModuleList([nn.Linear(d, 3 * d, False) for _ in range(n)]) for _ in range(2))
        self.down = nn.ModuleList([nn.Linear(3 * d, d, False) for _ in range(n)])
        self.n1, self.n2 = (nn.ModuleList([RMSNorm(d) for _ in range(n)]) for _ in range(2))
        self.norm, self.head = RMSNorm(d), nn.Linear(d, 100, False)
        if tied:
            self.head.weight = self.word.weight

    def forward(self, ids):
        x = self.word(ids)
        for i in range(len(self.a)):
            x = x + self.a[i](self.n1[i](x))
            y = self.n2[i](x)
            x = x + self.down[i](F.silu(self.gate[i](y)) * self.up[i](y))
        return self.head(self.norm(x))


class Listener(nn.Module):
    """Whisper's encoder: strided convolutions over frames, then attention."""

    def __init__(self, d=64):
        super().__init__()
        self.c1, self.c2 = nn.Conv1d(40, d, 3, padding=1), nn.Conv1d(d, d, 3, 2, 1)
        self.place = nn.Parameter(torch.randn(25, d))
        self.a, self.n1, self.n2, self.norm = Attention(d, 4), nn.LayerNorm(d), nn.LayerNorm(d), nn.LayerNorm(d)
        self.f = nn.Sequential(nn.Linear(d, 4 * d), nn.GELU(), nn.Linear(4 * d, d))
        self.head = nn.Linear(d, 20)

    def forward(self, x):
        x = F.gelu(self.c2(F.gelu(self.c1(x)))).permute(0, 2, 1) + self.place
        x = x + self.a(self.n1(x))
        return self.head(self.norm(x + self.f(self.n2(x))))


class Recurrent(nn.Module):
    def __init__(self, kind):
        super().__init__()
        self.word = nn.Embedding(50, 32)
        self.cell = kind(32, 48, 2, batch_first=True, bidirectional=kind is nn.LSTM)
        self.head = nn.Linear(96 if kind is nn.LSTM else 48, 5)

    def forward(self, ids):
        return self.head(self.cell(self.word(ids))[0].mean(1))


class Mixer(nn.Module):
    def __init__(self, d=64, t=16, n=2):
        super().__init__()
        self.stem = nn.Conv2d(3, d, 8, 8)
        mlp = lambda w, h: nn.Sequential(nn.Linear(w, h), nn.GELU(), nn.Linear(h, w))
        self.t, self.c = nn.ModuleList([mlp(t, 32) for _ in range(n)]), nn.ModuleList([mlp(d, 128) for _ in range(n)])
        self.n1, self.n2 = (nn.ModuleList([nn.LayerNorm(d) for _ in range(n)]) for _ in range(2))
        self.head = nn.Linear(d, 10)

    def forward(self, x):
        x = self.stem(x).flatten(2).transpose(1, 2)
        for t, c, p, q in zip(self.t, self.c, self.n1, self.n2):
            x = x + t(p(x).transpose(1, 2)).transpose(1, 2)
            x = x + c(q(x))
        return self.head(x.mean(1))


class GroupNormNet(nn.Module):
    def __init__(self):
        super().__init__()
        block = lambda i, o: nn.Sequential(nn.Conv2d(i, o, 3, padding=1), nn.GroupNorm(8, o), nn.ReLU())
        self.a, self.b, self.c = block(3, 32), block(32, 32), block(32, 64)
        self.head = nn.Linear(64, 10)

    def forward(self, x):
        x = self.a(x)
        return self.head(self.c(x + self.b(x)).mean((2, 3)))


class Conformer(nn.Module):
    """Its convolution module: gated linear unit, depthwise convolution, batch normalisation."""

    def __init__(self, d=64):
        super().__init__()
        self.stem, self.norm, self.a = nn.Linear(40, d), nn.LayerNorm(d), Attention(d, 4)
        self.p1, self.dw, self.bn, self.p2 = nn.Conv1d(d, 2 * d, 1), nn.Conv1d(d, d, 7, padding=3, groups=d), nn.BatchNorm1d(d), nn.Conv1d(d, d, 1)
        self.head = nn.Linear(d, 20)

    def forward(self, x):
        x = self.stem(x)
        x = x + self.a(self.norm(x))
        y = F.glu(self.p1(x.transpose(1, 2)), 1)
        return self.head(x + self.p2(F.silu(self.bn(self.dw(y)))).transpose(1, 2))


def super_resolution():
    return nn.Sequential(nn.Conv2d(1, 32, 5, padding=2), nn.PReLU(32), nn.Conv2d(32, 32, 3, padding=1), nn.PReLU(32), nn.Conv2d(32, 16, 3, padding=1), nn.PixelShuffle(2), nn.Conv2d(4, 9, 3, padding=1), nn.PixelShuffle(3))


def generator():
    up = lambda i, o: nn.Sequential(nn.ConvTranspose2d(i, o, 4, 2, 1, bias=False), nn.BatchNorm2d(o), nn.ReLU())
    return nn.Sequential(nn.Unflatten(1, (64, 1, 1)), nn.ConvTranspose2d(64, 64, 4), nn.InstanceNorm2d(64, affine=True), nn.LeakyReLU(0.2), up(64, 32), up(32, 16), nn.ConvTranspose2d(16, 3, 4, 2, 1), nn.Tanh())


def vit(image=32):
    return tv.VisionTransformer(image_size=image, patch_size=8, num_layers=3, num_heads=4, hidden_dim=64, mlp_dim=256, num_classes=10)


def classifier(name, size=64, **options):
    return (lambda: First(getattr(tv, name)(weights=None, **options))), (1, 3, size, size)


def inside(module, name, size, **options):
    return (lambda: First(getattr(getattr(tv, module), name)(weights=None, **options))), size


no_aux = dict(aux_logits=False, init_weights=False)
MODELS = {
    **{n: classifier(n) for n in [
        "resnet18", "resnet34", "resnet50", "wide_resnet50_2", "resnext50_32x4d", "densenet121", "mobilenet_v2", "mobilenet_v3_small", "mobilenet_v3_large",
        "efficientnet_b0", "efficientnet_v2_s", "mnasnet0_5", "mnasnet1_0", "shufflenet_v2_x0_5", "shufflenet_v2_x1_0", "squeezenet1_0", "squeezenet1_1",
        "regnet_x_400mf", "regnet_y_400mf", "regnet_y_800mf", "convnext_tiny", "swin_t", "swin_v2_t"]},
    "alexnet": classifier("alexnet", 224), "vgg11": classifier("vgg11", 224), "vgg11_bn": classifier("vgg11_bn", 224),
    "googlenet": classifier("googlenet", 64, **no_aux), "inception_v3": classifier("inception_v3", 96, **no_aux), "maxvit_t": classifier("maxvit_t", 224),
    "fcn_resnet50": inside("segmentation", "fcn_resnet50", (1, 3, 64, 64), weights_backbone=None), "deeplabv3_resnet50": inside("segmentation", "deeplabv3_resnet50", (1, 3, 64, 64), weights_backbone=None),
    "deeplabv3_mobilenet_v3_large": inside("segmentation", "deeplabv3_mobilenet_v3_large", (1, 3, 64, 64), weights_backbone=None),
    "lraspp_mobilenet_v3_large": inside("segmentation", "lraspp_mobilenet_v3_large", (1, 3, 64, 64), weights_backbone=None),
    "r3d_18": inside("video", "r3d_18", (1, 3, 4, 32, 32)), "mc3_18": inside("video", "mc3_18", (1, 3, 4, 32, 32)), "r2plus1d_18": inside("video", "r2plus1d_18", (1, 3, 4, 32, 32)),
    "s3d": inside("video", "s3d", (1, 3, 16, 224, 224)), "swin3d_t": inside("video", "swin3d_t", (1, 3, 4, 64, 64)), "mvit_v2_s": inside("video", "mvit_v2_s", (1, 3, 16, 224, 224)),
    "fpn_resnet18": (Pyramid, (1, 3, 64, 64)), "vit": (vit, (1, 3, 32, 32)), "unet_transposed": (lambda: UNet(True), (1, 3, 32, 32)), "unet_resize": (lambda: UNet(False), (1, 3, 32, 32)),
    "yolo": (Yolo, (1, 3, 64, 64)), "bert": (Bert, "ids"), "gqa_decoder": (Decoder, "ids"), "gqa_decoder_tied": (lambda: Decoder(tied=True), "ids"), "listener": (Listener, (1, 40, 50)),
    "lstm": (lambda: Recurrent(nn.LSTM), "ids"), "gru": (lambda: Recurrent(nn.GRU), "ids"), "mixer": (Mixer, (1, 3, 32, 32)), "group_norm": (GroupNormNet, (1, 3, 16, 16)),
    "conformer": (Conformer, (1, 30, 40)), "super_resolution": (super_resolution, (1, 1, 16, 16)), "generator": (generator, (1, 64)),
}
# Written by the exporter that traces with torch.export, which keeps BatchNormalization and other composites.
DYNAMO = ["resnet18", "mobilenet_v3_small", "efficientnet_b0", "shufflenet_v2_x0_5", "vit", "swin_t", "convnext_tiny", "bert", "gqa_decoder", "unet_transposed", "yolo", "densenet121"]


def shake(model):  # what an untrained network multiplies with 0 or 1 gets a value
    """Random normalisation parameters and biases: a slice that a cut forgets would show."""
    for m in model.modules():
        if hasattr(m, "running_mean") and m.running_mean is not None:
            m.running_mean.normal_(0, 0.1)
            m.running_var.uniform_(0.5, 1.5)
        if isinstance(m, (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.LayerNorm, nn.GroupNorm, nn.InstanceNorm2d)) and m.weight is not None:
            nn.init.uniform_(m.weight, 0.5, 1.5)
            nn.init.normal_(m.bias, 0, 0.1)
        if isinstance(m, nn.Linear) and not m.weight.any():  # the head of a vision transformer
            nn.init.normal_(m.weight, 0, 0.1)
        if hasattr(m, "layer_scale"):  # 1e-6 when untrained: the block would hardly count
            nn.init.uniform_(m.layer_scale, 0.5, 1)


def export(name, folder):
    dynamo = name.endswith("-dynamo")
    make, size = MODELS[name.removesuffix("-dynamo")]
    torch.manual_seed(0)
    model = make().eval()
    shake(model)
    x = torch.randint(0, 50, (2, 12)) if size == "ids" else torch.randn(*size)
    path = os.path.join(folder, f"{name}.onnx")
    common = dict(input_names=["input"], output_names=["output"])
    with torch.no_grad():
        if dynamo:
            torch.onnx.export(model, (x,), path + ".part", dynamo=True, external_data=False, verbose=False, **common)
        else:
            torch.onnx.export(model, (x,), path + ".part", dynamo=False, opset_version=17, dynamic_axes={"input": {0: "N"}, "output": {0: "N"}}, **common)
    os.replace(path + ".part", path)


def main():
    folder, *names = sys.argv[1:]
    os.makedirs(folder, exist_ok=True)
    for name in names or [*MODELS, *(f"{n}-dynamo" for n in DYNAMO)]:
        if os.path.exists(os.path.join(folder, f"{name}.onnx")):
            continue
        try:
            export(name, folder)
            print(name, "exported", flush=True)
        except Exception as error:  # one architecture that the exporter refuses must not hide the others
            print(name, "not exported:", str(error).strip().split("\n")[0][:200], flush=True)


main()
